import re
from html.parser import HTMLParser
from io import StringIO

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from multiskin.data.manifest import Manifest
from multiskin.data.photos import Photos
from multiskin.reports.data_page import write_data_page
from multiskin.reports.data_tables import GradeTables, print_tables, write_tables
from multiskin.schema import MISSING, Attribute, Schema

SCHEMA = Schema((Attribute("shine", 4), Attribute("lines", 2, grade_names=("no", "yes")), Attribute("x", 3, "nominal")))
N = 40


@pytest.fixture(scope="module")
def photos():
    """Forty photos of twenty subjects: shine in chins, lines in sides, classes of every fifth, one group hostile."""
    row = np.arange(N)
    part = np.where(row % 2, "chin", "side").astype(object)
    grades = np.stack([row % 4, row // 20, row % 3], axis=1)
    grades[part == "side", 0] = grades[row % 5 > 0, 2] = MISSING
    manifest = Manifest(
        schema=SCHEMA,
        root=None,
        paths=np.array([f"{number}.jpg" for number in row], dtype=object),
        grades=grades,
        rows=row + 2,
        split=None,
        subject=np.array([f"p{number // 2}" for number in row], dtype=object),
        part=part,
        groups=pd.DataFrame({"tone": np.where(row < 10, "<b>I</b>", "II")}),
    )
    return Photos(manifest, np.where(row < 24, "train", np.where(row < 32, "val", "test")), [], [])


@pytest.fixture(scope="module")
def tables(photos):
    return GradeTables(photos)


def test_files_hold_every_count(photos, tables, tmp_path):
    paths = write_tables(tables, tmp_path / "new")
    assert [path.name for path in paths] == [
        f"{name}.csv" for name in ("grades", "missing", "together", "correlation", "patterns")
    ]
    grades, missing, together, correlation, patterns = (pd.read_csv(path, dtype={"grade": str}) for path in paths)
    manifest = photos.manifest
    where = {
        ("split", "training"): photos.split == "train",
        ("part", "chin"): manifest.part == "chin",
        ("tone", "<b>I</b>"): (manifest.groups["tone"] == "<b>I</b>").to_numpy(),
    }
    for place, mask in where.items():
        for h, attribute in enumerate(SCHEMA):
            key = (*place, attribute.name)
            counts = [int((manifest.grades[mask, h] == grade).sum()) for grade in range(attribute.grades)]
            assert grades.set_index(["by", "value", "attribute"]).loc[[key], "photos"].tolist() == counts
            line = missing.set_index(["by", "value", "attribute"]).loc[key]
            assert line["photos"] == mask.sum()
            assert line["missing"] == pytest.approx((manifest.grades[mask, h] == MISSING).mean(), abs=1e-4)
    assert set(grades["by"]) == {"split", "part", "tone"}
    assert grades.query("attribute == 'lines'")["grade"].unique().tolist() == ["no", "yes"]
    chins = together.query("attribute == 'shine' and other == 'lines'")
    assert chins["photos"].sum() == N / 2
    assert correlation["photos"].tolist() == [20, 4, 8]
    assert patterns["photos"].sum() == N


def test_the_terminal_tells_the_same(tables):
    console = Console(width=80, file=StringIO())
    print_tables(tables, console)
    text = console.file.getvalue()
    for words in ("40 photos", "without a grade", "part chin", "graded for both", "graded together"):
        assert words in text
    assert max(map(len, text.splitlines())) <= 80


class Elements(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.found = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))


def test_the_page_stands_alone(tables, tmp_path):
    path = write_data_page(tables, tmp_path, "my <set>")
    text = path.read_text(encoding="utf-8")
    tags = Elements(text).found
    assert sum(tag == "svg" for tag, _ in tags) == 3 + 1 + 3  # grades of each head, what is missing, pairs
    assert not [
        attrs for _, attrs in tags for key in ("src", "href") if key in attrs and not attrs[key].startswith("#")
    ]
    assert not {"script", "link", "b"} & {tag for tag, _ in tags}
    assert "my &lt;set&gt;" in text
    ids = re.findall(r' id="([^"]+)"', text)
    assert len(ids) == len(set(ids))


def test_a_single_attribute_has_no_pairs(photos, tmp_path):
    manifest = photos.manifest
    alone = Schema(SCHEMA.attributes[:1])
    one = Manifest(**{**vars(manifest), "schema": alone, "grades": manifest.grades[:, :1]})
    tables = GradeTables(Photos(one, photos.split, [], []))
    assert "How grades go together" not in write_data_page(tables, tmp_path, "set").read_text(encoding="utf-8")
    assert pd.read_csv(write_tables(tables, tmp_path)[2]).empty
