"""Sheets: what is drawn, read from the figure's own parts, and the files that come of it."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from multiskin.explain.geometry import Box
from multiskin.explain.overlays import EVIDENCE, SIGNED
from multiskin.explain.scales import Scale
from multiskin.reports import sheets
from multiskin.reports.sheets import View, draw_sheet

GRADES = Scale("grades", 2.0)
PICTURE = np.full((30, 40, 3), 90, np.uint8)


@pytest.fixture
def figures(monkeypatch: pytest.MonkeyPatch) -> list:
    """The figures that are drawn, in place of files."""
    drawn: list = []
    monkeypatch.setattr(sheets, "save", lambda figure, _: drawn.append(figure))
    return drawn


def words(figure) -> list[str]:
    return [text.get_text() for text in figure.texts]


def ticks(figure) -> list[str]:
    return [label.get_text() for label in figure.axes[-1].get_xticklabels()]


def test_a_sheet_is_a_picture_wide_enough_for_a_phone(tmp_path: Path) -> None:
    view = View("Shine", ["grade 2"], PICTURE, scale=GRADES)
    draw_sheet(tmp_path / "sheet.png", [[view] * 3, [view] * 2], EVIDENCE)
    with Image.open(tmp_path / "sheet.png") as picture:
        assert picture.format == "PNG"
        assert picture.width == 1080
        assert picture.height > 2 * 30 / 40 * 320
        assert not picture.getexif()


def test_one_scale_stands_at_the_bar_with_its_unit(figures: list) -> None:
    draw_sheet(Path(), [[View("Photo", [], PICTURE), View("Shine", ["grade 2"], PICTURE, scale=GRADES)]], EVIDENCE)
    [figure] = figures
    assert words(figure) == [
        "Photo",
        "Shine",
        "grade 2",
        "grades that a spot would add if the whole photo looked like it",
    ]
    assert ticks(figure) == ["0", "1", "2 or more"]


def test_a_signed_bar_begins_below_zero(figures: list) -> None:
    draw_sheet(Path(), [[View("Shine", [], PICTURE, scale=Scale("grades", 1.5))]], SIGNED)
    assert ticks(figures[0]) == ["−1.5 or less", "0", "1.5 or more"]


def test_scales_of_their_own_stand_above_each_picture(figures: list) -> None:
    views = [View(name, [], PICTURE, scale=Scale("grades", full)) for name, full in (("Shine", 2.0), ("Lines", 0.5))]
    draw_sheet(Path(), [views], EVIDENCE)
    assert {"full: 2 grades", "full: 0.5 grades"} < set(words(figures[0]))
    assert ticks(figures[0])[-1] == "full colour"


def test_without_overlays_there_is_no_bar(figures: list) -> None:
    draw_sheet(Path(), [[View("Photo", [], PICTURE)]], EVIDENCE)
    assert len(figures[0].axes) == 1


def test_a_picture_without_colours_has_no_scale_above_it(figures: list) -> None:
    scales = [Scale("grades", 2.0), Scale("grades", 0.5), None]
    draw_sheet(Path(), [[View("Shine", [], PICTURE, scale=scale) for scale in scales]], EVIDENCE)
    assert sum(text.startswith("full: ") for text in words(figures[0])) == 2


def test_what_a_crop_shows_is_framed(figures: list) -> None:
    part = View("Shine", [], PICTURE, Box(0.25, 0, 0.75, 1), GRADES)
    draw_sheet(Path(), [[View("Photo", [], PICTURE), part]], EVIDENCE)
    photo, shine, _ = figures[0].axes
    assert not photo.patches
    [frame] = shine.patches
    assert frame.get_bbox().bounds == (9.5, -0.5, 20, 30)


@pytest.mark.parametrize("shape", [(1, 400), (400, 1), (30, 30)])
def test_pictures_of_any_shape_stay_in_their_places(figures: list, shape: tuple[int, int]) -> None:
    view = View("Shine", ["a word " * 30], np.zeros((*shape, 3), np.uint8), scale=GRADES)
    draw_sheet(Path(), [[view] * 3, [view]], EVIDENCE)
    [figure] = figures
    for axes in figure.axes:
        assert 0 <= axes.get_position().x0 < axes.get_position().x1 <= 1
        assert 0 <= axes.get_position().y0 < axes.get_position().y1 <= 1
    tops = [text.get_position()[1] for text in figure.texts[:-1]]
    assert max(tops) < 1
    assert figure.axes[0].get_position().y0 > figure.axes[3].get_position().y1


def test_names_are_drawn_as_they_are(tmp_path: Path) -> None:
    """A dollar is a dollar, and no mathematics."""
    draw_sheet(tmp_path / "sheet.png", [[View("$x_{$", [r"\alpha $"], PICTURE, scale=GRADES)]], EVIDENCE)
    assert (tmp_path / "sheet.png").stat().st_size > 1000
