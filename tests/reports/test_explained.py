"""What a sheet says of a photo, and the folder that explained photos end in."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from multiskin.explain.geometry import WHOLE
from multiskin.explain.overlays import EVIDENCE, SIGNED, Colours, overlay
from multiskin.explain.photos import ExplainedPhoto, HeadExplanation, Skin, UnreadPhoto
from multiskin.explain.scales import Scale, ScaleRule, own, shared
from multiskin.reports import figures, gallery
from multiskin.reports.explained import Look, one_model, several_models
from multiskin.reports.gallery import Wanted, printable, safe_name, shown_name, worst_errors, write_gallery
from multiskin.reports.graded import GradedPredictions
from multiskin.schema import Attribute, Schema

SCHEMA = Schema((Attribute("shine", 5), Attribute("lines", 3), Attribute("kind", 2, "nominal", grade_names=("a", "b"))))
PIXELS = np.random.default_rng(0).integers(0, 256, (24, 32, 3), dtype=np.uint8)
ONE, TWO = Look(SCHEMA, ["first"]), Look(SCHEMA, ["first", "second"])


def heads(shine: int, strength: float = 1.0) -> dict[str, HeadExplanation]:
    """What a model says: maps rise from left to right."""
    ramp = np.tile(np.linspace(-strength, strength, 4, dtype=np.float32), (3, 1))
    grades, scores = (shine, 2, 1), (shine + 0.2, 1.9, np.nan)
    return {
        attribute.name: HeadExplanation(attribute, grade, score, 0.25, ramp, WHOLE)
        for attribute, grade, score in zip(SCHEMA, grades, scores, strict=True)
    }


def photo(*models: dict[str, HeadExplanation]) -> ExplainedPhoto:
    return ExplainedPhoto("photo.png", PIXELS, list(models))


class TestViews:
    def test_one_model_shows_the_photo_first_and_then_its_heads(self) -> None:
        rows = one_model(photo(heads(3)), "photo.png", SCHEMA.names, {"lines": 1}, ONE)
        assert [[view.title for view in row] for row in rows] == [["photo.png", "shine", "lines"], ["kind"]]
        assert [view.words for row in rows for view in row] == [
            [],
            ["grade 3, expected 3.2"],
            ["true grade 1", "grade 2, expected 1.9"],
            ["grade b"],
        ]
        np.testing.assert_array_equal(rows[0][0].picture, PIXELS)

    def test_only_what_speaks_for_more_is_coloured(self) -> None:
        [[_, view]] = one_model(photo(heads(3)), "photo.png", ["shine"], {}, ONE)
        left, right = (view.picture[:, half] != PIXELS[:, half] for half in (slice(0, 16), slice(20, 32)))
        assert not left.any()
        assert right.any(axis=2).all()
        [[_, view]] = one_model(photo(heads(3)), "photo.png", ["shine"], {}, Look(SCHEMA, ["first"], colours=SIGNED))
        assert (view.picture[:, :12] != PIXELS[:, :12]).any(axis=2).all()

    @pytest.mark.parametrize("rule", [shared, own])
    @pytest.mark.parametrize("strength", [0.01, 50.0])
    @pytest.mark.parametrize("colours", [EVIDENCE, SIGNED])
    def test_grade_zero_is_no_evidence_and_nothing_is_painted(
        self, rule: ScaleRule, strength: float, colours: Colours
    ) -> None:
        look = Look(SCHEMA, ["first"], rule=rule, colours=colours)
        [[_, view]] = one_model(photo(heads(0, strength)), "photo.png", ["shine"], {}, look)
        assert view.words == ["grade 0, expected 0.2", "no evidence"]
        assert view.scale is None
        np.testing.assert_array_equal(view.picture, PIXELS)

    def test_next_to_nothing_is_never_stretched(self) -> None:
        look = Look(SCHEMA, ["first"], rule=own)
        [[_, view]] = one_model(photo(heads(3, strength=0.01)), "photo.png", ["shine"], {}, look)
        assert view.words == ["grade 3, expected 3.2"]
        assert view.scale == Scale("grades", 0.5)
        assert np.abs(view.picture.astype(int) - PIXELS).max() <= 4

    def test_a_model_that_sees_nothing_does_not_stretch_the_other_ones_scale(self) -> None:
        look = Look(SCHEMA, ["first", "second"], rule=own)
        [[_, nothing, something]] = several_models(photo(heads(0, 9.0), heads(3, 1.5)), ["shine"], {}, look)
        assert (nothing.scale, something.scale) == (None, Scale("grades", 1.5))

    def test_on_skin_alone_what_lies_outside_is_told_and_not_shown(self) -> None:
        bare, lips = np.zeros((2, 24, 32), np.float32)
        bare[:, :26], lips[:] = 1, 1
        lipped = Attribute("shine", 5, lips=True)
        for attribute, outside in ((SCHEMA["shine"], True), (lipped, False)):
            explained = {"shine": heads(3)["shine"]._replace(attribute=attribute)}
            asked = photo(explained)._replace(skin=Skin(bare, lips))
            [[_, view]] = one_model(asked, "photo.png", ["shine"], {}, ONE)
            [[_, everywhere]] = one_model(photo(explained), "photo.png", ["shine"], {}, ONE)
            assert view.words[0] == everywhere.words[0]
            told = int(re.fullmatch(r"(\d+) % outside skin", view.words[-1])[1])
            assert (50 < told < 70) if outside else told == 0
            np.testing.assert_array_equal(view.picture[:, :26], everywhere.picture[:, :26])
            expected = PIXELS if outside else everywhere.picture
            np.testing.assert_array_equal(view.picture[:, 26:], expected[:, 26:])

    @pytest.mark.parametrize("grade", [0, 3])
    def test_where_no_skin_is_found_the_map_is_shown_uncut(self, grade: int) -> None:
        none = np.zeros((24, 32), np.float32)
        asked = photo(heads(grade))._replace(skin=Skin(none, none))
        [[_, view]] = one_model(asked, "photo.png", ["shine"], {}, ONE)
        [[_, everywhere]] = one_model(photo(heads(grade)), "photo.png", ["shine"], {}, ONE)
        assert view.words == [*everywhere.words, "no skin found"]
        np.testing.assert_array_equal(view.picture, everywhere.picture)

    def test_what_is_cut_off_sets_no_scale(self) -> None:
        """Or else all that is left would be faint."""
        left = np.zeros((24, 32), np.float32)
        left[:, :20] = 1  # the pixels up to it are below 0.25 of the strongest one
        asked = photo(heads(3, strength=8.0))._replace(skin=Skin(left, left))
        [[_, view]] = one_model(asked, "photo.png", ["shine"], {}, Look(SCHEMA, ["first"], rule=own))
        position = (19 + 0.5) / 8 - 0.5
        assert view.scale is not None
        assert view.scale.full == pytest.approx(np.interp(position, range(4), np.linspace(-8, 8, 4)))

    def test_of_a_map_that_is_nowhere_above_zero_no_share_is_told(self) -> None:
        head = heads(3)["shine"]
        below = {"shine": head._replace(map=-np.abs(head.map))}
        half = np.zeros((24, 32), np.float32)
        half[:, 16:] = 1
        [[_, view]] = one_model(photo(below)._replace(skin=Skin(half, half)), "photo.png", ["shine"], {}, ONE)
        assert view.words == ["grade 3, expected 3.2"]

    def test_words_that_no_font_can_draw_are_numbers(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(figures, "drawable", str.isascii)
        schema = Schema((Attribute("kind", 2, "nominal", {"en": "종류"}, grade_names=("없음", "있음")),))
        look = Look(schema, ["첫째", "second"])
        asked = {"kind": heads(0)["kind"]._replace(attribute=schema["kind"])}
        [row] = several_models(photo(asked, asked), ["kind"], {"kind": 0}, look)
        assert [(view.title, view.words) for view in row] == [
            ("attribute 1", ["true grade 0"]),
            ("model 1", ["grade 1"]),
            ("second", ["grade 1"]),
        ]

    def test_the_explained_quantity_is_named_with_its_value(self) -> None:
        [[_, view]] = one_model(photo(heads(0)), "photo.png", ["shine"], {}, Look(SCHEMA, ["first"], "p0"))
        assert view.words == ["grade 0, expected 0.2", "p0: 0.25"]

    def test_models_stand_side_by_side_a_row_a_head_on_one_scale(self) -> None:
        look = Look(SCHEMA, ["first", "second"], rule=own)
        rows = several_models(photo(heads(3, 1.5), heads(2, 3.0)), ["lines", "shine"], {"shine": 4}, look)
        assert [[view.title for view in row] for row in rows] == [
            ["lines", "first", "second"],
            ["shine", "first", "second"],
        ]
        assert [view.words for view in rows[1]] == [
            ["true grade 4"],
            ["grade 3, expected 3.2"],
            ["grade 2, expected 2.2"],
        ]
        assert [view.scale and view.scale.full for view in rows[1]] == [None, 3.0, 3.0]

    def test_the_picture_is_the_overlay_of_the_upsampled_map(self) -> None:
        [[_, view]] = one_model(photo(heads(3)), "photo.png", ["shine"], {}, ONE)
        position = np.clip((np.arange(32) + 0.5) / 8 - 0.5, 0, 3)  # in cells
        values = np.interp(position, range(4), np.linspace(-1, 1, 4))
        expected = overlay(PIXELS, np.tile(values, (24, 1)), 2.0)
        assert np.abs(view.picture.astype(int) - expected).max() <= 1


class TestGallery:
    @pytest.fixture
    def wanted(self) -> list[Wanted]:
        paths = ["a/face.jpg", "b/face.jpg", "b/broken.jpg", "b/FACE.jpg"]
        return [Wanted("Photos", Path(path), ["shine"], {}) for path in paths]

    def test_every_photo_has_a_picture_and_the_page_shows_all(self, wanted: list[Wanted], tmp_path: Path) -> None:
        photos = [
            photo(heads(3)),
            photo(heads(0)),
            UnreadPhoto("b/broken.jpg", "b/broken.jpg: <b>\nbad"),
            photo(heads(1)),
        ]
        steps: list[tuple[int, int]] = []
        unread = write_gallery(tmp_path, wanted, photos, ONE, lambda *step: steps.append(step))
        assert [each.path for each in unread] == ["b/broken.jpg"]
        assert steps == [(1, 4), (2, 4), (3, 4), (4, 4)]
        pictures = sorted(path.name for path in tmp_path.glob("*.png"))
        assert pictures == ["0001-face.png", "0002-face.png", "0004-FACE.png"]
        page = (tmp_path / "index.html").read_text()
        assert re.findall(r'href="([^"]+)"', page) == pictures
        assert (
            "<p>broken.jpg: &lt;b&gt;\N{REPLACEMENT CHARACTER}bad</p>" in page
        )  # its folder is nobody else's business
        assert "b/broken" not in page
        assert page.count("data:image/jpeg;base64,") == 3

    def test_pages_hold_so_many_pictures_and_are_written_as_these_come(
        self, wanted: list[Wanted], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, read_page: Callable
    ) -> None:
        monkeypatch.setattr(gallery, "ON_A_PAGE", 3)
        many = [*wanted, *wanted]

        def arriving() -> Iterator[ExplainedPhoto | UnreadPhoto]:
            for number in range(8):
                assert len(list(tmp_path.glob("*.html"))) == number // 3
                yield UnreadPhoto("b/broken.jpg", "b/broken.jpg: bad") if number % 4 == 2 else photo(heads(3))

        unread = write_gallery(tmp_path, many, arriving(), ONE, lambda *_: None)
        assert len(unread) == 2
        names, shown = ["index.html", "index-2.html", "index-3.html"], []
        for number, name in enumerate(names):
            page = read_page(tmp_path / name)
            links = [attributes["href"] for tag, attributes in page.tags if tag == "a"]
            assert [link for link in links if link.endswith(".html")] == 2 * [each for each in names if each != name]
            pictures = [link for link in links if link.endswith(".png")]
            assert page.source.count("data:image/jpeg;base64,") == len(pictures)
            assert ("could not be read" in page.text) == (number != 1)
            shown += pictures
        assert shown == sorted(path.name for path in tmp_path.glob("*.png"))

    def test_one_page_has_no_links_to_others(self, wanted: list[Wanted], tmp_path: Path) -> None:
        write_gallery(tmp_path, wanted[:1], [photo(heads(3))], ONE, lambda *_: None)
        assert "<nav" not in (tmp_path / "index.html").read_text()

    def test_compared_models_are_named(self, wanted: list[Wanted], tmp_path: Path) -> None:
        write_gallery(tmp_path, wanted[:1], [photo(heads(3), heads(2))], TWO, lambda *_: None)
        assert "Compared: first, second." in (tmp_path / "index.html").read_text()

    def test_nothing_but_pixels_is_kept(self, wanted: list[Wanted], tmp_path: Path) -> None:
        write_gallery(tmp_path, wanted[:1], [photo(heads(3))], ONE, lambda *_: None)
        with Image.open(tmp_path / "0001-face.png") as picture:
            assert not picture.getexif()
            assert set(picture.info) <= {"Software", "dpi"}

    @pytest.mark.parametrize(
        ("name", "safe"),
        [
            ("face.final.jpg", "face_final"),
            ("../..\\x.png", "_x"),
            ("a b\n<script>.png", "a_b_script_"),
            ("얼굴.png", "얼굴"),
            ("\udcff.png", "_"),
            ("x" * 300 + ".png", "x" * 40),
        ],
    )
    def test_names_are_safe(self, name: str, safe: str) -> None:
        assert safe_name(Path(name)) == safe

    def test_names_can_be_shown(self) -> None:
        assert shown_name(Path("folder/short.png")) == "short.png"
        assert shown_name(Path("x" * 90 + ".png")) == "x" * 28 + "…" + "xxxxxxx.png"
        printable("a\x1b\udcff\nb").encode()
        assert printable("a\nb") == "a\N{REPLACEMENT CHARACTER}b"

    def test_the_worst_errors_are_the_furthest_and_surest(self) -> None:
        schema = Schema((Attribute("lines", 3),))
        table = pd.DataFrame(
            {
                "row": ["2", "3", "4", "5", "6"],
                "image": ["hit.png", "near.png", "far.png", "surely_far.png", "ungraded.png"],
                "lines_p0": ["1", "0.3", "0.2", "0.1", "0"],
                "lines_p1": ["0", "0.7", "0.2", "0.1", "0"],
                "lines_p2": ["0", "0.0", "0.6", "0.8", "1"],
            }
        )
        predictions = GradedPredictions(
            schema, table, np.array([[0], [0], [0], [0], [-1]]), np.array([[0], [1], [2], [2], [2]])
        )
        found = worst_errors(predictions, ["lines"], 2, Path("root"))
        assert found == [
            Wanted("lines: worst errors", Path(f"root/{name}.png"), ["lines"], {"lines": 0})
            for name in ("surely_far", "far")
        ]
        assert len(worst_errors(predictions, ["lines"], 9, Path())) == 3
