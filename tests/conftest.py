"""A tiny set of graded photos that every room of the tests may read; whoever writes to it cleans up."""

import gc
import os
import signal
from concurrent.futures import Executor
from contextlib import contextmanager

os.environ["OMP_NUM_THREADS"] = "1"  # the networks are tiny, and threads that wait for each other slow everything down

import numpy as np
import pandas as pd
import pytest
import yaml
from PIL import Image

from multiskin.config import Columns, DataConfig
from multiskin.data.manifest import load_manifest
from multiskin.data.photos import load_photos
from multiskin.schema import Attribute, Schema

# A shell that starts tests in the background has them ignore Ctrl-C, and with them the processes that they interrupt.
signal.signal(signal.SIGINT, signal.default_int_handler)

gc.disable()  # what is imported stays: to look for garbage in it again and again takes a tenth of the time of all tests

SUBJECTS = 12  # with two photos each
HEIGHT, WIDTH = 40, 48


def pytest_collection_finish():
    gc.freeze()
    gc.enable()


def pytest_unconfigure():
    gc.unfreeze()  # some libraries complain of what is left at the end


@pytest.fixture(scope="session")
def schema():
    return Schema((Attribute("shine", 5), Attribute("lines", 3)))


@pytest.fixture(scope="session")
def graded_folder(tmp_path_factory):
    """labels.csv (image, subject, shine, lines) and images/: 24 photos whose look follows their grades.

    The first photo of a subject is graded for shine and, of every third subject, for lines too; the second for lines
    alone, and the last one for nothing.
    """
    root = tmp_path_factory.mktemp("graded")
    (root / "images").mkdir()
    table = []
    for subject in range(SUBJECTS):
        shine, lines = subject % 5, subject % 3
        first = {"shine": shine, "lines": lines if lines == 2 else None}
        second = {"lines": lines if subject < SUBJECTS - 1 else None}
        for number, grades in enumerate((first, second), start=2 * subject):
            name = f"images/{number:02}.png"
            Image.fromarray(draw_skin(shine, lines, number)).save(root / name)
            table.append({"image": name, "subject": f"p{subject}", "shine": None, "lines": None} | grades)
    pd.DataFrame(table).astype({"shine": "Int64", "lines": "Int64"}).to_csv(root / "labels.csv", index=False)
    return root


@pytest.fixture(scope="session")
def write_settings(graded_folder, schema):
    """Writes a user's own config and schema, side by side in a folder; parts of the config take what is changed."""

    def write(folder, **changes):
        schema.save(folder / "schema.yaml")
        config = {
            "schema": "schema.yaml",
            "data": {"root": str(graded_folder), "columns": {"subject": "subject"}, "num_workers": 0},
            "trainer": {"max_epochs": 2, "progress": False},
        }
        for part, options in changes.items():
            config[part] = config.get(part, {}) | options if isinstance(options, dict) else options
        (folder / "config.yaml").write_text(yaml.safe_dump(config))
        return folder / "config.yaml"

    return write


def draw_skin(shine, lines, seed):
    """The lighter the shinier, with dark stripes for lines, and noise that makes each photo its own."""
    pixels = np.full((HEIGHT, WIDTH, 3), (90, 70, 60)) + 30 * shine
    pixels[4 :: 24 // (lines + 1)] -= 60 * (lines > 0)
    noise = np.random.default_rng(seed).integers(-5, 6, pixels.shape)
    return np.clip(pixels + noise, 0, 255).astype(np.uint8)


@pytest.fixture(scope="session")
def blank_figures():
    """A context in which figures are saved with nothing on them: a report takes long for them alone.

    What is on them is for tests/reports; other rooms ask for words, numbers and files.
    """
    from matplotlib.figure import Figure

    save = Figure.savefig

    def save_blank(figure, *arguments, **options):
        figure.clear()
        save(figure, *arguments, **options)

    @contextmanager
    def blank():
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Figure, "savefig", save_blank)
            yield

    return blank


class ThisProcess(Executor):
    """Does at once, and here, what others have done by processes of their own."""

    def __init__(self, *arguments, **options):
        pass

    def map(self, function, *iterables, chunksize=1):
        return map(function, *iterables)


@pytest.fixture
def draw_here(monkeypatch):
    """Photos are drawn in this process: others take longer to start than to draw a few, and import everything anew."""
    monkeypatch.setattr("multiskin.data.render.folder.ProcessPoolExecutor", ThisProcess)


@pytest.fixture(scope="session")
def data_config(graded_folder):
    return DataConfig(root=str(graded_folder), columns=Columns(subject="subject"), batch_size=4, num_workers=0)


@pytest.fixture(scope="session")
def manifest(data_config, schema):
    return load_manifest(data_config, schema)[0]


@pytest.fixture(scope="session")
def photos(data_config, schema):
    """The manifest with a split made for it."""
    return load_photos(data_config, schema)
