import re
from collections import Counter
from collections.abc import Callable
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from multiskin.schema import Schema

VOID = {"meta", "img", "br"}


class Page(HTMLParser):
    """What stands in a page; fails where an element is not closed in its turn."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.source = path.read_text(encoding="utf-8")
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.cells: list[list[str]] = []
        self.feed(self.source)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)
        if tag == "tr":
            self.cells.append([])
        if tag in ("td", "th"):
            self.cells[-1].append("")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" in self.open:
            return
        self.words.append(data)
        if {"td", "th"} & set(self.open):
            self.cells[-1][-1] += f" {data}"

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())

    def rows(self, title: str) -> list[list[str]]:
        return [[" ".join(cell.split()) for cell in row] for row in self.cells if row and row[0].strip() == title]

    def assert_alone(self) -> None:
        """It asks nothing of the network and runs nothing."""
        assert not re.search(r"https?:|//\w+\.\w", self.source)
        assert not re.search(r"url\((?!#)|@import", self.source)
        for tag, attributes in self.tags:
            assert tag not in ("script", "link", "iframe", "object", "base", "form")
            for name, value in attributes.items():
                assert not name.startswith("on")
                if name in ("src", "href", "xlink:href", "srcset"):
                    assert (value or "").startswith(("data:image/jpeg;base64,", "#"))

    def assert_sound(self) -> None:
        """For browsers, and for those who have it read out."""
        assert self.source.startswith('<!DOCTYPE html>\n<html lang="en">')
        levels = [int(tag[1]) for tag, _ in self.tags if re.fullmatch("h[1-6]", tag)]
        assert levels[0] == 1
        assert levels.count(1) == 1
        assert all(after <= before + 1 for before, after in pairwise(levels))
        assert all("scope" in attributes for tag, attributes in self.tags if tag == "th")
        assert all(attributes.get("alt") for tag, attributes in self.tags if tag == "img")
        assert all(attributes["aria-label"] for tag, attributes in self.tags if tag == "svg")
        ids = Counter(attributes["id"] for _, attributes in self.tags if "id" in attributes)
        assert max(ids.values()) == 1
        targets = {a["href"][1:] for _, a in self.tags if (a.get("href") or "").startswith("#")}
        targets |= set(re.findall(r"url\(#([^)]+)\)", self.source))
        assert targets
        assert targets <= set(ids)
        assert len(self.source) < 2_000_000

    def assert_own_colours(self) -> None:
        """Which differ between light and dark."""
        charts = "".join(re.findall(r"<svg.*?</svg>", self.source, re.DOTALL))
        assert set(re.findall(r"#[0-9a-f]{6}\b", charts)) <= {"#000000"}  # of hidden axes and clip paths
        used = set(re.findall(r"var\(--([\w-]+)\)", self.source))
        light, dark = (
            set(re.findall(r"--([\w-]+):", block)) for block in re.findall(r":root \{(.*?)\}", self.source, re.DOTALL)
        )
        assert used <= light == dark


@pytest.fixture(scope="session")
def read_page() -> Callable[[Path], Page]:
    return Page


@pytest.fixture
def confusion_of() -> Callable[[Schema], np.ndarray]:
    """Counts (H, Kmax, Kmax), mostly near the diagonal, of which the last grade of a head has none."""

    def draw(schema: Schema) -> np.ndarray:
        random = np.random.default_rng(0)
        confusion = np.zeros((len(schema), schema.max_grades, schema.max_grades), np.int64)
        for h, attribute in enumerate(schema):
            k = attribute.grades
            distance = np.abs(np.subtract.outer(np.arange(k - 1), np.arange(k)))
            confusion[h, : k - 1, :k] = random.poisson(2000 * 0.2**distance)
        return confusion

    return draw
