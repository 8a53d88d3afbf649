"""The tables, the page and the numbers of an evaluation of maps."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from multiskin.explain.evaluation import MapEvaluation
from multiskin.explain.means import GROUPS, MEANS
from multiskin.reports.explanation import UNMASKED, write_map_evaluation
from multiskin.reports.explanation_pair import write_map_pair
from multiskin.reports.explanation_tables import MEASURES, METHODS, Measured
from multiskin.schema import Attribute, Schema

SCHEMA = Schema((Attribute("shine", 5, display={"en": "<Shine>"}), Attribute("lines", 3)))
NONE = (np.nan, np.nan, np.nan)


@pytest.fixture
def evaluation() -> MapEvaluation:
    means = [
        ("shine", "cam", "energy", 60, 12, 0.5, 0.45, 0.55, *NONE),
        ("shine", "centre", "energy", 60, 12, 0.3, 0.25, 0.35, 0.2, 0.1, 0.3),
        ("shine", "random", "energy", 60, 12, 0.45, 0.4, 0.5, 0.05, -0.02, 0.11),
        ("lines", "cam", "energy", 7, 1, 0.25, np.nan, np.nan, *NONE),
        ("shine", "cam", "network_anew", 12, 9, -0.01, -0.1, 0.1, *NONE),
    ]
    groups = [
        ("tone", "X", "energy", "shine", 50, 11, 0.52, 0.4, 0.6),
        ("tone", "IX", "energy", "shine", 5, 5, 0.4, 0.1, 0.7),
        ("tone", "X", "energy", "lines", 7, 1, 0.25, np.nan, np.nan),
    ]
    return MapEvaluation(
        SCHEMA,
        np.arange(80) % 16,
        20,
        3,
        {("cam", "energy"): np.stack([np.linspace(0, 1, 80), np.full(80, np.nan)], axis=1)},
        pd.DataFrame(means, columns=MEANS),
        pd.DataFrame(groups, columns=GROUPS),
        np.array([[1.0, -0.1], [-0.1, np.nan]]),
    )


def test_what_is_clearly_above_a_map_that_knows_nothing_is_bold(evaluation: MapEvaluation, tmp_path: Path) -> None:
    write_map_evaluation(evaluation, tmp_path)
    text = (tmp_path / "explanation.md").read_text()
    heading = "| attribute | Energy inside, minus centre blob | Energy inside, minus random map |"
    assert heading in text
    assert "| <Shine> | **+0.20** (0.10 to 0.30) | +0.05 (−0.02 to 0.11) |" in text
    assert "| lines | – | – |" in text


def test_every_method_stands_beside_the_others_with_its_interval(evaluation: MapEvaluation, tmp_path: Path) -> None:
    write_map_evaluation(evaluation, tmp_path)
    text = (tmp_path / "explanation.md").read_text()
    assert "| attribute | this model's maps | centre blob | random map | photos |" in text
    assert "| <Shine> | 0.50 (0.45 to 0.55) | 0.30 (0.25 to 0.35) | 0.45 (0.40 to 0.50) | 60 |" in text
    assert "| lines | 0.25 (–) | – | – | 7 |" in text
    assert "## Randomised networks" in text
    assert "| <Shine> | −0.01 (−0.10 to 0.10) | 12 |" in text
    assert "| <Shine> | 1.00 | −0.10 |" in text
    assert "| IX | 0.40 (0.10 to 0.70, n 5) | – |" in text


def test_the_page_needs_nothing_and_marks_small_groups(
    evaluation: MapEvaluation, tmp_path: Path, read_page: Callable
) -> None:
    path = write_map_evaluation(evaluation, tmp_path)
    assert path == tmp_path / "explanation.html"
    page = read_page(path)
    page.assert_alone()
    assert "16 subjects" in page.text
    assert "seed 3" in page.text
    assert "all heads on all photos" in page.text
    assert "over all 80 photos, graded for these heads or not" in page.text
    assert page.rows("IX") == [["IX", "0.40 0.10 to 0.70 n 5", "–"]]
    assert page.source.count('class="few"') == 4  # 7 photos of lines twice, 12 of a random network, 5 of IX
    assert "<b>+0.20</b>" in page.source
    assert "<b>+0.05</b>" not in page.source
    assert "<Shine>" in page.text  # escaped, or it would be an element


def test_few_subjects_are_marked_however_many_their_photos(
    evaluation: MapEvaluation, tmp_path: Path, read_page: Callable
) -> None:
    of_one_person = replace(evaluation, groups=evaluation.groups.assign(subjects=1))
    page = read_page(write_map_evaluation(of_one_person, tmp_path))
    assert page.source.count('class="few"') == 5


def test_numbers_are_for_other_programs_too(evaluation: MapEvaluation, tmp_path: Path) -> None:
    write_map_evaluation(evaluation, tmp_path)
    pd.testing.assert_frame_equal(pd.read_csv(tmp_path / "explanation.csv"), evaluation.means)
    pd.testing.assert_frame_equal(pd.read_csv(tmp_path / "explanation_groups.csv"), evaluation.groups)
    content = json.loads((tmp_path / "explanation.json").read_text())
    assert content["photos"] == 80
    assert content["means"][1]["lead"] == 0.2
    assert content["means"][0]["lead"] is None
    assert content["similarity"] == {"shine": {"shine": 1, "lines": -0.1}, "lines": {"shine": -0.1, "lines": None}}


def test_without_masks_the_page_says_so(evaluation: MapEvaluation, tmp_path: Path, read_page: Callable) -> None:
    bare = replace(evaluation, means=evaluation.means[:0], groups=evaluation.groups[:0], sampled=0)
    page = read_page(write_map_evaluation(bare, tmp_path))
    assert UNMASKED in page.text
    assert "deletion" not in page.text
    assert [words for words in page.words if "similar" in words]


class TestTwoModels:
    @pytest.fixture
    def models(self, evaluation: MapEvaluation) -> list[Measured]:
        """The second one's energy is .1 less on every photo but the first, of which there is none."""
        values = evaluation.values["cam", "energy"] - 0.1
        values[0] = np.nan
        lower = evaluation.means.assign(value=evaluation.means["value"] - 0.1)
        other = replace(evaluation, values={("cam", "energy"): values}, means=lower)
        return [Measured("final", evaluation), Measured("<base>", other)]

    def test_every_model_has_a_row_a_head(self, models: list[Measured], tmp_path: Path, read_page: Callable) -> None:
        page = read_page(write_map_pair(*models, tmp_path))
        page.assert_alone()
        assert page.rows("<Shine>: <base>")  # escaped, or it would be an element
        text = (tmp_path / "explanation.md").read_text()
        assert "| <Shine>: final | 0.50 (0.45 to 0.55) |" in text
        assert "| <Shine>: <base> | 0.40 (0.45 to 0.55) |" in text
        for model in models:
            assert f"## How similar the heads' maps are: {model.name}" in text
            assert f"## Energy inside by tone: {model.name}" in text

    def test_the_difference_is_the_first_thing_said(self, models: list[Measured], tmp_path: Path) -> None:
        write_map_pair(*models, tmp_path)
        text = (tmp_path / "explanation.md").read_text()
        assert text.index("## final or <base>: whose maps are better?") < text.index("## Better than")
        assert "| attribute | Energy inside |" in text
        assert "| <Shine> | **+0.10** (0.10 to 0.10, n 79) |" in text
        write_map_pair(*models[::-1], tmp_path)
        assert "| <Shine> | **−0.10** (−0.10 to −0.10, n 79) |" in (tmp_path / "explanation.md").read_text()

    def test_numbers_of_both_are_for_other_programs_too(self, models: list[Measured], tmp_path: Path) -> None:
        write_map_pair(*models, tmp_path)
        for name, table in (("explanation", "means"), ("explanation_groups", "groups")):
            found = pd.read_csv(tmp_path / f"{name}.csv")
            for model in models:
                of_model = found[found["model"] == model.name].drop(columns="model").reset_index(drop=True)
                pd.testing.assert_frame_equal(of_model, getattr(model.evaluation, table))
        differences = pd.read_csv(tmp_path / "explanation_differences.csv")
        assert differences[["head", "measure", "photos"]].to_numpy().tolist() == [["shine", "energy", 79]]
        content = json.loads((tmp_path / "explanation.json").read_text())
        assert [each["model"] for each in content["models"]] == ["final", "<base>"]
        assert content["models"][0]["photos"] == 80
        assert content["differences"][0]["value"] == pytest.approx(0.1)


def test_all_that_is_measured_has_its_words() -> None:
    assert set(METHODS) == {"cam", "grad_cam", "layer_cam", "centre", "random", "uniform"}
    assert set(MEASURES) == {
        *("pointing", "energy", "auc", "outside_skin", "deletion", "insertion", "faithfulness"),
        *("readouts_anew", "readouts_anew_absolute", "network_anew", "network_anew_absolute"),
    }
