"""What several rooms of the tests share: a tiny set of graded photos, which they only read, and a script for `fit`."""

import gc
import os
import signal
import stat
import sys
import textwrap
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

FIT = """\
    #!{python} -S
    import json, os, pathlib, signal, sys, time
    lines = open(sys.argv[sys.argv.index("--config") + 1]).read().splitlines()
    option = lambda name: next(line for line in lines if line.startswith(name + ": "))[len(name) + 2 :]
    run = pathlib.Path(option("out"))
    run.mkdir(parents=True, exist_ok=True)
    print("epoch 1/2  train/loss 1.0", flush=True)
    for fault in (pathlib.Path("{faults}") / name for name in (run.name, run.name.split("-")[1])):
        if fault.is_file():
            words = fault.read_text(errors="surrogateescape")
            if words == "die":
                os.kill(os.getpid(), signal.SIGKILL)
            if words == "leave":
                sys.exit()
            if words == "wait":
                (fault.parent / "pid").write_text(str(os.getpid()))
                fault.unlink()
                time.sleep(60)
            sys.exit("multiskin: error: " + words)
    with open("{faults}/trained", "a") as file:
        file.write(run.name + " " + os.environ["OMP_NUM_THREADS"] + chr(10))
    print("epoch 2/2  train/loss 0.5")
    rate = float(option("  lr"))
    (run / "logs").mkdir(exist_ok=True)
    (run / "logs" / "metrics.csv").write_text(f"epoch,val/loss\\n0,{{rate + 1}}\\n1,{{rate}}\\n")
    sides = ["val", "test"] if option("test") == "true" else ["val"]
    for side in sides:
        (run / f"predictions_{{side}}.csv").touch()
    (run / "metrics.json").write_text(json.dumps(dict.fromkeys(sides, 0)))
"""


def pytest_collection_modifyitems(items):
    for item in items:
        if item.get_closest_marker("processes"):
            item.add_marker(pytest.mark.slow)


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


@pytest.fixture
def faults(tmp_path, monkeypatch):
    """A short script stands for fit: a folder of its faults to come, by a run's name or its second word.

    In it, `trained` lists what the script has trained.
    """
    folder = tmp_path / "faults"
    folder.mkdir()
    fit = tmp_path / "fit"
    fit.write_text(textwrap.dedent(FIT).format(python=sys.executable, faults=folder))
    fit.chmod(fit.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setattr(sys, "executable", str(fit))
    monkeypatch.delenv("OMP_NUM_THREADS")
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(6)))
    return folder
