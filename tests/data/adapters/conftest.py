"""Small data sets in other layouts, and the results of importing them."""

import csv
import json

import numpy as np
import pytest
from PIL import Image

from multiskin.data.adapters.importer import import_labels


class Tree:
    """A folder of pictures and labels, and another one for the results."""

    def __init__(self, root):
        self.root = root / "source"
        self.out = root / "out"
        self.root.mkdir()

    def picture(self, path, seed, size=(40, 60)):
        """Noise that differs between seeds."""
        width, height = size
        pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(self._place(path))

    def label(self, path, content, encoding="utf-8"):
        """Writes bytes or text as they are, anything else as JSON."""
        if not isinstance(content, bytes | str):
            content = json.dumps(content, ensure_ascii=False)
        self._place(path).write_bytes(content if isinstance(content, bytes) else content.encode(encoding))

    def _place(self, path):
        place = self.root / path
        place.parent.mkdir(parents=True, exist_ok=True)
        return place

    def edit(self, name, before, after):
        """Replaces a text in a file of the results, like a user who edits it."""
        path = self.out / name
        text = path.read_text(encoding="utf-8")
        assert before in text
        path.write_text(text.replace(before, after), encoding="utf-8")

    def imported(self, layout):
        """The rows of the table."""
        import_labels(layout(), self.root, self.out)
        with (self.out / "labels.csv").open(encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))

    @property
    def report(self):
        """(file, outcome, reason, detail) of every irregularity."""
        with (self.out / "report.csv").open(encoding="utf-8", newline="") as file:
            return [tuple(line) for line in csv.reader(file)][1:]

    def said_of(self, name):
        """(outcome, reason) of the files with that name."""
        return [(outcome, reason) for file, outcome, reason, _ in self.report if file.endswith(name)]


@pytest.fixture
def tree(tmp_path):
    return Tree(tmp_path)
