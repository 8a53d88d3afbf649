"""Pictures are drawn for any schema, with every number and word in its place and none over another."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from PIL import Image

from multiskin.reports import figures
from multiskin.reports.figures import draw_confusions, draw_curves
from multiskin.schema import Attribute, Schema

LONG = {"en": "Modified global severity scale of the whole forehead"}
SCHEMAS = {
    "one head": Schema((Attribute("tone", 4, grade_names=("almost clear", "mild", "moderate", "very severe")),)),
    "K = 2 and 7": Schema((Attribute("on", 2, grade_names=("absent", "present")), Attribute("scale", 7, display=LONG))),
    "five heads": Schema(tuple(Attribute(f"head_{h}", 5) for h in range(5))),
    "nominal, and long names": Schema(
        (
            Attribute("a", 3, kind="nominal", display=LONG, grade_names=("seborrheic keratosis", "melanoma", "nevus")),
            Attribute("b", 3, display=LONG, grade_names=("basal cell carcinoma", "dermatofibroma", "other")),
        )
    ),
    "no formulas": Schema((Attribute("a", 3, grade_names=("$\\frac$", "$", "$x$")),)),
    "Korean": Schema((Attribute("유분", 3, grade_names=("하", "중", "상")), Attribute("수분", 5))),
}


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[Figure]:
    """The figures that were saved."""
    saved: list[Figure] = []
    save = figures.save

    def keep(figure: Figure, path: Path) -> None:
        save(figure, path)
        saved.append(figure)

    monkeypatch.setattr(figures, "save", keep)
    return saved


def assert_nothing_overlaps(figure: Figure) -> None:
    """Neither titles with each other or the border, nor the labels of an axis."""
    figure.draw_without_rendering()
    panels = [axes for axes in figure.axes if axes.get_title()]
    titles = [axes.title for axes in panels]
    for texts in (titles, *(axes.get_yticklabels() for axes in panels)):
        boxes = [text.get_window_extent() for text in texts]
        for number, box in enumerate(boxes):
            assert not any(box.overlaps(other) for other in boxes[:number]), texts[number]
    for title in titles:
        box = title.get_window_extent()
        assert min(box.x0, box.y0) >= 0, title
        assert box.x1 <= figure.bbox.width, title
        assert box.y1 <= figure.bbox.height, title


@pytest.mark.parametrize("name", SCHEMAS)
def test_a_confusion_matrix_of_every_head(
    name: str, drawn: list[Figure], confusion_of: Callable[[Schema], np.ndarray], tmp_path: Path
) -> None:
    schema = SCHEMAS[name]
    confusion, path = confusion_of(schema), tmp_path / "figures" / "confusion.png"
    draw_confusions(confusion, schema, path)
    [figure] = drawn
    assert_nothing_overlaps(figure)
    for h, attribute in enumerate(schema):
        panel, counts = figure.axes[h], confusion[h, : attribute.grades, : attribute.grades]
        assert f"\n{counts.sum()} photos" in panel.get_title()
        written = {(int(text.get_position()[1]), int(text.get_position()[0])): text.get_text() for text in panel.texts}
        assert written == {place: str(count) for place, count in np.ndenumerate(counts)}
        shares = np.asarray(panel.images[0].get_array())
        for true, row in enumerate(counts.tolist()):
            share = [count / sum(row) if sum(row) else 0 for count in row]
            np.testing.assert_allclose(shares[true], share)
    with Image.open(path) as picture:
        picture.verify()
        assert picture.format == "PNG"
        assert all(300 < side < 2000 for side in picture.size)


def test_names_of_grades_stand_at_both_axes(
    drawn: list[Figure], confusion_of: Callable[[Schema], np.ndarray], tmp_path: Path
) -> None:
    schema = SCHEMAS["one head"]
    draw_confusions(confusion_of(schema), schema, tmp_path / "confusion.png")
    panel = drawn[0].axes[0]
    for labels in (panel.get_xticklabels(), panel.get_yticklabels()):
        assert [label.get_text() for label in labels] == ["almost clear", "mild", "moderate", "very severe"]
    assert (panel.get_xlabel(), panel.get_ylabel()) == ("predicted", "true")


def test_words_that_no_font_has_become_numbers(
    drawn: list[Figure], confusion_of: Callable[[Schema], np.ndarray], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(figures, "drawable", str.isascii)
    monkeypatch.setattr(figures, "families", lambda: ["DejaVu Sans"])
    schema = SCHEMAS["Korean"]
    draw_confusions(confusion_of(schema), schema, tmp_path / "confusion.png")
    panel = drawn[0].axes[0]
    assert panel.get_title().startswith("attribute 1\n")
    assert [label.get_text() for label in panel.get_xticklabels()] == ["0", "1", "2"]


def curves_of(schema: Schema, metric: str, epochs: int) -> pd.DataFrame:
    """As Lightning's CSV logger writes them: training and validation on lines of their own."""
    lines: list[dict[str, float]] = []
    for epoch in range(epochs):
        values = {f"val/{attribute.name}/{metric}": 0.1 * h + 0.01 * epoch for h, attribute in enumerate(schema)}
        lines.append({"epoch": epoch, "val/loss": 2 - 0.1 * epoch, f"val/mean/{metric}": 0.05 * epoch} | values)
        losses = {f"train/{attribute.name}/loss": 1.0 + h for h, attribute in enumerate(schema)}
        lines.append({"epoch": epoch, "train/loss": 1.5 - 0.1 * epoch} | losses)
    return pd.DataFrame(lines)


@pytest.mark.parametrize("epochs", [1, 12])
@pytest.mark.parametrize("name", ["five heads", "K = 2 and 7", "Korean"])
def test_curves_of_the_losses_and_of_what_is_monitored(
    name: str, epochs: int, drawn: list[Figure], tmp_path: Path
) -> None:
    schema = SCHEMAS[name]
    draw_curves(curves_of(schema, "kappa", epochs), schema, "val/mean/kappa", tmp_path / "curves.png")
    left, right = drawn[0].axes
    assert [line.get_label() for line in left.lines] == ["train", "val"]
    np.testing.assert_allclose(np.asarray(left.lines[0].get_ydata()), [1.5 - 0.1 * epoch for epoch in range(epochs)])
    assert len(right.lines) == len(schema) + 1
    assert right.lines[-1].get_label() == "mean"
    for h, line in enumerate(right.lines[:-1]):
        assert np.asarray(line.get_xdata()).tolist() == list(range(1, epochs + 1))
        np.testing.assert_allclose(np.asarray(line.get_ydata()), [0.1 * h + 0.01 * epoch for epoch in range(epochs)])
    assert right.get_title() == "validation kappa, higher is better"
    assert all(tick == int(tick) for tick in right.get_xticks())
    assert_nothing_overlaps(drawn[0])


def test_one_heads_number_may_be_monitored_and_others_need_not_have_it(drawn: list[Figure], tmp_path: Path) -> None:
    schema = Schema((Attribute("shine", 5), Attribute("kind", 3, kind="nominal")))
    curves = curves_of(schema, "mae", 3).drop(columns="val/kind/mae")
    draw_curves(curves, schema, "val/shine/mae", tmp_path / "curves.png")
    right = drawn[0].axes[1]
    assert [line.get_label() for line in right.lines] == ["shine", "mean"]
    assert right.get_title() == "validation mae, lower is better"


def test_where_the_loss_is_monitored_the_heads_losses_are_shown(drawn: list[Figure], tmp_path: Path) -> None:
    schema = SCHEMAS["five heads"]
    draw_curves(curves_of(schema, "kappa", 3), schema, "val/loss", tmp_path / "curves.png")
    right = drawn[0].axes[1]
    assert right.get_title() == "training loss"
    assert [np.asarray(line.get_ydata()).tolist() for line in right.lines] == [[1.0 + h] * 3 for h in range(5)]
