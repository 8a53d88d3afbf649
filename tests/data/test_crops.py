import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from multiskin.config import Columns, DataConfig
from multiskin.data.crops import Box, parse_name, part_name
from multiskin.data.images import ImageError, read_image
from multiskin.data.manifest import ManifestError, load_manifest
from multiskin.data.splits import make_split
from multiskin.schema import Attribute, Schema

CORNERS = ["x0", "y0", "x1", "y1"]
SCHEMA = Schema((Attribute("shine", 3),))
SIDE = st.integers(0, 10**6)


@given(st.text(min_size=1).filter(lambda path: "#xywh=" not in path), SIDE, SIDE, SIDE, SIDE)
def test_a_name_means_what_it_was_made_of(path, x, y, width, height):
    box = Box(x, y, x + width, y + height)
    assert parse_name(part_name(path, box)) == (path, box)
    assert parse_name(part_name(path, None)) == (path, None)


@given(*[st.integers(-20, 40)] * 4, st.integers(1, 20), st.integers(1, 20))
def test_what_of_a_box_is_on_a_photo_is_where_both_are(x0, y0, x1, y1, height, width):
    photo = np.arange(height * width).reshape(height, width)
    expected = {int(photo[y, x]) for y in range(height) for x in range(width) if x0 <= x < x1 and y0 <= y < y1}
    inside = Box(x0, y0, x1, y1).within(height, width)
    assert expected == (set() if inside is None else set(inside.cut(photo).ravel().tolist()))


@pytest.fixture
def folder(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    for name in ("a.png", "b.png"):
        Image.fromarray(pixels if name == "a.png" else 255 - pixels).save(tmp_path / name)
    return tmp_path


def test_the_name_of_a_part_reads_the_part(folder):
    whole = read_image(folder / "a.png")
    assert (read_image(folder / "a.png#xywh=4,5,6,7") == whole[5:12, 4:10]).all()
    assert (read_image(str(folder / "a.png#xywh=25,15,60,60")) == whole[15:, 25:]).all()
    with pytest.raises(ImageError, match=r"a.png#xywh=30,0,5,5: outside of the photo, which has 30 x 20 pixels"):
        read_image(folder / "a.png#xywh=30,0,5,5")
    with pytest.raises(ImageError, match=r"c.png#xywh=0,0,5,5: no such file"):
        read_image(folder / "c.png#xywh=0,0,5,5")


def load(folder, rows, columns=None, **named):
    pd.DataFrame(rows, columns=columns or ["image", "shine", *CORNERS]).to_csv(folder / "labels.csv", index=False)
    return load_manifest(DataConfig(str(folder), columns=Columns(**{"box": CORNERS} | named)), SCHEMA)[0]


def problems(folder, rows, **named):
    with pytest.raises(ManifestError) as caught:
        load(folder, rows, **named)
    return [str(problem) for problem in caught.value.problems]


def test_rows_are_about_parts_of_photos(folder):
    rows = [
        ("a.png", 0, 1, 2, 8, 9),
        ("a.png", 1, 8, 2, 12, 9),
        ("a.png", 2, "", "", "", ""),
        ("b.png", 0, 1, 2, 8, 9.0),
    ]
    manifest = load(folder, rows)
    assert manifest.paths.tolist() == ["a.png#xywh=1,2,7,7", "a.png#xywh=8,2,4,7", "a.png", "b.png#xywh=1,2,7,7"]
    whole = read_image(folder / "a.png")
    assert (read_image(manifest.path(1)) == whole[2:9, 8:12]).all()
    assert read_image(manifest.path(2)).shape == whole.shape


def test_a_part_stands_in_one_row(folder):
    found = problems(folder, [("a.png", 0, 1, 2, 8, 9), ("a.png", 1, 1, 2, 8, 9)])
    assert found == [
        "row 3, column image: the same picture as row 2 (a.png#xywh=1,2,7,7), with other grades; keep one row per photo"
    ]


def test_what_two_boxes_keep_of_a_photo_may_be_the_same(folder):
    assert len(problems(folder, [("a.png", 0, 1, 2, 30, 20), ("a.png", 0, 1, 2, 99, 99)])) == 1


@pytest.mark.parametrize(
    "corners", [(8, 2, 1, 9), (1, 2, 1, 9), (-1, 2, 8, 9), ("", 2, 8, 9), ("x", 2, 8, 9), ("inf", 2, 8, 9)]
)
def test_a_box_that_is_none_is_named(folder, corners):
    [found] = problems(folder, [("a.png", 0, *corners), ("b.png", 0, 1, 2, 8, 9)])
    assert found.startswith("row 2, column x0, y0, x1, y1: ")
    assert "is not a box; give whole pixels, the upper left corner first" in found


def test_a_box_outside_of_its_photo_is_named(folder):
    [found] = problems(folder, [("a.png", 0, 30, 0, 40, 9), ("b.png", 0, 1, 2, 8, 9)])
    assert "outside of the photo, which has 30 x 20 pixels; correct the box" in found


def test_a_box_has_four_columns(folder):
    [found] = problems(folder, [("a.png", 0, 1, 2, 3)], columns=["image", "shine", *CORNERS[:3]], box=CORNERS[:3])
    assert found == "data.columns.box names 3 columns; name those of x0, y0, x1 and y1"
    [found] = problems(folder, [("a.png", 0, 1, 2, 3)], columns=["image", "shine", *CORNERS[:3]])
    assert "not in the table, but data.columns.box names it" in found


def test_parts_of_one_photo_stay_on_one_side_of_a_split(tmp_path):
    for seed in range(10):
        pixels = np.random.default_rng(seed).integers(0, 256, (20, 30, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"{seed}.png")
    rows = [(f"{photo}.png", photo % 3, part, 0, part + 5, 9) for photo in range(10) for part in range(4)]
    manifest = load(tmp_path, rows)
    sides = make_split(manifest, [0.5, 0.3, 0.2], seed=0).reshape(10, 4)
    assert (sides == sides[:, :1]).all()
    assert len(set(sides[:, 0])) == 3
