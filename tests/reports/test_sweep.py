"""What a sweep has found stands where it belongs, for options of any kind and any number of trials."""

import io

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from multiskin.reports import sweep
from multiskin.reports.sweep import draw_importances, draw_trials, print_best
from multiskin.search.space import Choices, Range

MONITOR = "val/mean/rps_balanced"
SPACE = {
    "optimizer.lr": Range(1e-4, 1e-2, log=True, whole=False),
    "trainer.max_epochs": Range(5, 20, log=False, whole=True),
    "data.batch_size": Choices((16, 32, 64)),
    "recipe.augment": Choices((["Resize"], ["RandomResizedCrop", "HorizontalFlip"])),
    "heads.유분.resample": Choices(("natural",)),
}


def ranking(values):
    """Trials of the given values, the first one at the lowest ends of its ranges and the last one at the highest."""
    shares = np.linspace(0, 1, len(values))
    rows = [
        {
            "trial": f"trial-{number:04}",
            MONITOR: value,
            "optimizer.lr": 1e-4 * 100**share,
            "trainer.max_epochs": round(5 + 15 * share),
            "data.batch_size": (16, 32, 64)[number % 3],
            "recipe.augment": SPACE["recipe.augment"].labels[number % 2],
            "heads.유분.resample": "natural",
        }
        for number, (value, share) in enumerate(zip(values, shares, strict=True))
    ]
    return pd.DataFrame(rows, dtype=object)


@pytest.fixture
def drawn(monkeypatch):
    """The figures that were saved."""
    saved = []
    save = sweep.save
    monkeypatch.setattr(sweep, "save", lambda figure, path: (save(figure, path), saved.append(figure)))
    return saved


class TestTrials:
    def draw(self, drawn, tmp_path, values=(0.1, 0.2, 0.5), mode="min"):
        draw_trials(ranking(values), SPACE, mode, tmp_path / "figures" / "parallel_coordinates.png")
        return drawn[0].axes[0], drawn[0]

    def test_each_is_a_line_through_its_options_to_what_it_has_come_to(self, drawn, tmp_path):
        axes, _ = self.draw(drawn, tmp_path)
        lines = [line.get_ydata() for line in axes.lines[:3]]  # the best one last, over the others
        expected = [[1, 1, 1, 0, 0.5, 0], [0.5, 7 / 15, 0.5, 1, 0.5, 0.75], [0, 0, 0, 0, 0.5, 1]]
        np.testing.assert_allclose(lines, expected, atol=1e-12)
        assert axes.lines[2].get_color() == "tab:red"

    def test_the_better_the_higher(self, drawn, tmp_path):
        axes, figure = self.draw(drawn, tmp_path, values=(0.9, 0.4), mode="max")
        assert [line.get_ydata()[-1] for line in axes.lines[:2]] == [0, 1]
        assert f"{MONITOR}: higher is better" in figure.get_suptitle()
        assert "the best, trial-0000" in figure.get_suptitle()

    def test_every_axis_tells_its_values_where_they_are(self, drawn, tmp_path):
        axes, _ = self.draw(drawn, tmp_path)
        told = {(round(text.get_position()[0]), text.get_text()): text.get_position()[1] for text in axes.texts}
        assert told[0, "0.0001"] == 0
        assert told[0, "0.001"] == pytest.approx(0.5)
        assert told[1, "20"] == 1
        assert told[2, "32"] == 0.5
        assert told[3, '["RandomResized…'] == 1
        assert told[4, "natural"] == 0.5
        assert told[5, "0.5"] == 0
        names = [label.get_text().replace("\n", "") for label in axes.get_xticklabels()]
        assert len(names) == len(SPACE) + 1
        assert names[0] == "optimizer.lr"
        assert names[-1] == MONITOR

    def test_results_that_are_nearly_the_same_are_told_apart(self, drawn, tmp_path):
        axes, _ = self.draw(drawn, tmp_path, values=(0.188669, 0.188691, 0.188794))
        told = [text.get_text() for text in axes.texts if round(text.get_position()[0]) == len(SPACE)]
        assert {"0.18867", "0.18879"} <= set(told)
        assert len(set(told)) == len(told)

    @pytest.mark.parametrize("values", [(0.3,), (0.3, 0.3), tuple(np.linspace(0.1, 0.2, 40))])
    def test_no_words_stand_over_others_or_beyond_the_border(self, drawn, tmp_path, values):
        axes, figure = self.draw(drawn, tmp_path, values)
        figure.draw_without_rendering()
        for texts in (axes.texts, axes.get_xticklabels(), [figure._suptitle]):
            boxes = [text.get_window_extent() for text in texts]
            for number, box in enumerate(boxes):
                assert not any(box.overlaps(other) for other in boxes[:number]), texts[number]
                assert min(box.x0, box.y0) >= 0, texts[number]
                assert box.x1 <= figure.bbox.width, texts[number]
                assert box.y1 <= figure.bbox.height, texts[number]


def test_importances_are_bars_with_the_longest_on_top(drawn, tmp_path):
    draw_importances({"optimizer.lr": 0.75, "data.batch_size": 0.25}, 12, MONITOR, tmp_path / "importances.png")
    axes = drawn[0].axes[0]
    assert [bar.get_width() for bar in axes.patches] == [0.75, 0.25]
    assert [text.get_text() for text in axes.texts] == ["75%", "25%"]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["optimizer.lr", "data.batch_size"]
    assert axes.yaxis_inverted()
    assert "12 trials" in drawn[0].get_suptitle()


def test_the_best_five_stand_side_by_side_in_80_columns():
    file = io.StringIO()
    print_best(ranking(np.linspace(0.1234567, 0.9, 7)), Console(file=file, width=80))
    said = file.getvalue()
    assert "the best of 7 trials" in said
    assert [f"trial-{number:04}" in said for number in range(7)] == [True] * 5 + [False] * 2
    rows = {line.split()[0]: line.split()[1:] for line in said.splitlines() if line.strip()}
    assert rows["trainer.max_epochs"] == ["5", "8", "10", "12", "15"]
    assert rows["data.batch_size"] == ["16", "32", "64", "16", "32"]
    assert "0.1235" in said
    assert "natural" in said
    assert max(map(len, said.splitlines())) <= 80


def test_nothing_is_written_as_in_a_config():
    file = io.StringIO()
    print_best(pd.DataFrame([{"trial": "trial-0000", "trainer.ema_decay": None}], dtype=object), Console(file=file))
    assert "null" in file.getvalue()
