"""With real processes, some of which die, a collection has the rows that predict writes."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from PIL import Image

from multiskin.cli import main

LONGEST = 600  # seconds of one command; ten on a machine that does nothing else

pytestmark = pytest.mark.slow
pytest.importorskip("ray", reason="pip install 'multiskin[ray]'")


@pytest.fixture
def environment() -> Iterator[dict[str, str]]:
    """An environment with a short temporary folder, as Ray needs it, in which Ray must leave no files."""
    place = Path(tempfile.mkdtemp(dir="/tmp", prefix="t"))
    yield os.environ | {"TMPDIR": str(place)}
    left = list(place.glob("ray-*"))
    shutil.rmtree(place)
    assert left == []


def predicted(checkpoint: Path, photos: Path, folder: Path) -> pd.DataFrame:
    assert main(["predict", str(checkpoint), str(photos), "--out", str(folder / "plain.csv")]) == 0
    return pd.read_csv(folder / "plain.csv")


def scored(folder: Path) -> pd.DataFrame:
    return pd.concat([pd.read_parquet(path) for path in sorted((folder / "parts").iterdir())], ignore_index=True)


def assert_same(rows: pd.DataFrame, expected: pd.DataFrame) -> None:
    pd.testing.assert_frame_equal(rows, expected, check_dtype=False, rtol=0, atol=1.1e-6)  # rounded to 1e-6


@pytest.mark.parametrize("gpus", [0, 1])
def test_dying_processes_do_not_change_the_results(
    gpus: int, noise_checkpoint: Path, noise: Path, tmp_path: Path, environment: dict[str, str]
) -> None:
    photos = tmp_path / "photos"
    shutil.copytree(noise, photos)
    expected = predicted(noise_checkpoint, photos, tmp_path)
    Image.new("RGB", (70, 50), "white").save(photos / "08a.png")
    program, mark, out = Path(__file__).with_name("dying.py"), tmp_path / "mark", tmp_path / "out"
    done = subprocess.run(
        [sys.executable, program, noise_checkpoint, photos, out, mark, str(gpus)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=LONGEST,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.split() == ["31", "31", "2"]
    assert mark.exists()
    rows, deadly = scored(out), str(photos / "08a.png")
    assert_same(rows[rows["image"] != deadly].reset_index(drop=True), expected)
    failed = pd.read_parquet(out / "failed.parquet").set_index("path")["reason"]
    assert list(failed.index) == [deadly, str(photos / "17.png")]
    assert "every process that read or scored it died" in failed[deadly]


def test_ctrl_c_keeps_finished_parts_and_the_same_command_resumes(
    noise_checkpoint: Path, noise: Path, tmp_path: Path, environment: dict[str, str]
) -> None:
    out = tmp_path / "out"
    command = [sys.executable, "-m", "multiskin", "predict", str(noise_checkpoint), str(noise), "--engine", "ray"]
    command += ["--out", str(out), "--part_rows", "4", "--batch_size", "2", "--num_workers", "2", "--memory", "200"]
    process = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True, start_new_session=True)
    until = time.monotonic() + LONGEST
    while not list(out.glob("parts/*.parquet")) and process.poll() is None and time.monotonic() < until:
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does
    assert process.communicate(timeout=LONGEST)[1] == "multiskin: interrupted\n"
    assert process.returncode == 130
    kept = {path: path.stat().st_mtime_ns for path in out.glob("parts/*.parquet")}
    before = len(scored(out))
    assert 4 <= before < 30
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=LONGEST)
    assert done.returncode == 0, done.stderr
    assert f"30 photos, of which {30 - before} were scored now" in done.stdout
    assert all(path.stat().st_mtime_ns == then for path, then in kept.items())
    assert_same(scored(out), predicted(noise_checkpoint, noise, tmp_path))
