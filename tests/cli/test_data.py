"""The data commands end to end: import a folder of classes, check it, and print its statistics."""

import numpy as np
import pytest
from PIL import Image

from multiskin.cli import main


def run(*arguments):
    return main(["data", *map(str, arguments)])


@pytest.fixture
def classes(tmp_path):
    """Forty pictures in two folders, and one picture that is in neither."""
    for number in range(40):
        folder = tmp_path / "photos" / ("eczema" if number % 2 else "acne")
        folder.mkdir(parents=True, exist_ok=True)
        pixels = np.random.default_rng(number).integers(0, 256, (8, 8, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{number:02}.png")
    Image.fromarray(pixels).save(tmp_path / "photos" / "loose.png")
    return tmp_path / "photos"


def test_an_import_can_be_checked_by_the_command_that_it_suggests(classes, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert run("import", "folder", "photos", "made") == 0
    out = capsys.readouterr().out
    assert "made/labels.csv: 40 rows" in out
    assert "1  left out: not of this layout (first: loose.png: not in the folder of a class)" in out
    assert "next: multiskin data check --config made/config.yaml" in out
    assert run("check", "--config", "made/config.yaml") == 0
    assert "40 photos" in capsys.readouterr().out
    config = tmp_path / "made" / "config.yaml"
    config.write_text(config.read_text().replace("out: runs/latest", "out: runs/told/"))
    assert run("stats", "--config", config) == 0
    out = capsys.readouterr().out
    assert "photos without a grade" in out
    made = {path.name for path in (tmp_path / "runs" / "told-stats").iterdir()}
    assert made == {"data.html", "grades.csv", "missing.csv", "together.csv", "correlation.csv", "patterns.csv"}


def test_the_message_for_an_unknown_layout_lists_the_known_ones(classes, tmp_path, capsys):
    assert run("import", "aihub_face", classes, tmp_path / "made") == 2
    assert "unknown layout 'aihub_face': did you mean 'aihub-face'" in capsys.readouterr().err
    assert not (tmp_path / "made").exists()
