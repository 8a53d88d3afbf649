"""A set is rendered once, completely or not at all, however many runs ask for it and however they are killed."""

import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from multiskin.config import RenderConfig
from multiskin.data.render import cache
from multiskin.data.render.cache import rendered
from multiskin.errors import UserError

TINY = RenderConfig(persons=[1, 1, 1], size=32, seed=4)
SCRIPT = """
import sys
from multiskin.config import RenderConfig
from multiskin.data.render.cache import rendered
if __name__ == "__main__":
    print(rendered(RenderConfig(persons=[int(sys.argv[1]), 1, 1], size=32, seed=4)))
"""


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """An empty cache folder."""
    monkeypatch.setenv(cache.VARIABLE, str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def draws(monkeypatch):
    """Records the sets that are rendered, without rendering them."""
    drawn = []

    def draw(folder, config, faces, progress):
        drawn.append(config)
        time.sleep(0.05)
        (folder / "labels.csv").write_text("image\n")

    monkeypatch.setattr(cache, "render_into", draw)
    return drawn


def processes_of(group):
    """Whether any process of a group is alive."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def sets(home):
    return [path for path in home.iterdir() if path.is_dir()]


def test_a_set_is_drawn_whole_and_found_again(home, draw_here):
    folder = rendered(TINY)
    assert folder.parent == home
    assert {path.name for path in folder.iterdir()} == {"images", "masks", "labels.csv", "truth.csv", "settings.json"}
    before = (folder / "labels.csv").stat().st_mtime_ns
    assert rendered(TINY) == folder
    assert (folder / "labels.csv").stat().st_mtime_ns == before


def test_every_setting_has_a_set_of_its_own(draws):
    settings = [TINY, replace(TINY, seed=5), replace(TINY, size=40), replace(TINY, persons=[2, 1, 1])]
    assert len({rendered(each) for each in settings}) == len(draws) == 4


def test_another_renderer_draws_anew(draws, monkeypatch, tmp_path):
    first = rendered(TINY)
    (tmp_path / "renderer").mkdir()
    (tmp_path / "renderer" / "light.py").write_text("brighter = True\n")
    monkeypatch.setattr(cache, "__file__", str(tmp_path / "renderer" / "cache.py"))
    assert rendered(TINY) != first


def test_of_two_runs_one_draws_and_the_other_waits(draws):
    with ThreadPoolExecutor(4) as pool:
        folders = set(pool.map(rendered, [TINY] * 4))
    assert len(folders) == len(draws) == 1


def test_what_fails_leaves_nothing_and_can_be_done_again(home, draws, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    working = cache.render_into
    monkeypatch.setattr(cache, "render_into", full)
    message = f"{home}: No space left on device; free some space, or .* with {cache.VARIABLE}"
    with pytest.raises(UserError, match=message):
        rendered(TINY)
    assert sets(home) == []
    monkeypatch.setattr(cache, "render_into", working)
    assert (rendered(TINY) / "labels.csv").is_file()


def test_a_photo_that_has_no_room_leaves_nothing(home):
    """The limit also holds for the processes that draw."""
    resource = pytest.importorskip("resource")
    _, hard = limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (500, hard))
    try:
        with pytest.raises(UserError, match="File too large"):
            rendered(TINY)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert sets(home) == []


@pytest.mark.slow
def test_a_killed_run_leaves_no_process_and_a_part_that_the_next_one_clears_away(home, tmp_path):
    (tmp_path / "draw.py").write_text(SCRIPT)
    command = [sys.executable, str(tmp_path / "draw.py"), "12"]
    run = subprocess.Popen(command, start_new_session=True)
    while not list(home.glob("*-part/images/*.jpg")):
        assert run.poll() is None
        time.sleep(0.02)
    run.kill()  # it alone, as the system does
    run.wait()
    deadline = time.monotonic() + 20
    while processes_of(run.pid):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    [part] = sets(home)
    assert part.name.endswith("-part")
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert [str(path) for path in sets(home)] == [done.stdout.strip()]


def test_a_place_is_understood_as_a_shell_does(monkeypatch, tmp_path, draws):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv(cache.VARIABLE, "~/sets")
    assert rendered(TINY).parent == tmp_path / "sets"


def test_settings_that_make_no_set_leave_no_trace(home):
    with pytest.raises(UserError, match="persons"):
        rendered(replace(TINY, persons=[0, 0, 0]))
    assert not home.exists()
