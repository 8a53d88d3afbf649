"""Stores return the pictures that were put into them, intact, or nothing."""

import errno
import multiprocessing
import os
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from multiskin.data.cache_disk import VARIABLE, DiskStore, free_bytes, make_room
from multiskin.data.cache_memory import MemoryStore, memory_bytes

ROWS = 6
SETTINGS = {"steps": ["Resize"]}


def picture(seed, height=5, width=7):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


@pytest.fixture
def copied(manifest, tmp_path):
    """A manifest of photos that a test may change."""
    (tmp_path / "images").mkdir()
    for path in manifest.paths:
        (tmp_path / path).write_bytes((Path(manifest.root) / path).read_bytes())
    return replace(manifest, root=tmp_path)


@pytest.fixture
def disk(copied, tmp_path, monkeypatch):
    monkeypatch.setenv(VARIABLE, str(tmp_path / "cache"))
    store = DiskStore(copied, SETTINGS)
    store.open()
    return store


@pytest.fixture(params=["memory", "disk"])
def store(request, disk):
    return disk if request.param == "disk" else MemoryStore(ROWS, 1000)


def files_of(store):
    return sorted(store.folder.glob("*/*"))


# Both


def test_pictures_come_back_as_they_were(store):
    assert store.get(0) is None
    for row in (3, 0):
        store.put(row, picture(row, height=4 + row))
    assert store.get(1) is None
    for row in (0, 3):
        found = store.get(row)
        np.testing.assert_array_equal(found, picture(row, height=4 + row))
        found[:] = 0  # whoever has it may write on it
        np.testing.assert_array_equal(store.get(row), picture(row, height=4 + row))


def test_a_view_of_another_picture_is_kept_too(store):
    store.put(2, picture(1, 8, 8)[1:6, 2:7][:, ::-1])
    np.testing.assert_array_equal(store.get(2), picture(1, 8, 8)[1:6, 2:7][:, ::-1])


# Memory


def test_memory_takes_no_more_than_its_room():
    store = MemoryStore(ROWS, 2 * picture(0).size)
    for row in range(3):
        store.put(row, picture(row))
    assert [store.get(row) is not None for row in range(4)] == [True, True, False, False]


def test_a_picture_that_is_being_written_is_not_given():
    store = MemoryStore(ROWS, 1000)
    store.put(0, picture(0))
    store.index[1, 1] = -1  # as it stands between its two steps
    assert store.get(0) is None
    store.put(0, picture(1))  # somebody else is at it
    assert store.get(0) is None


@pytest.mark.parametrize("method", ["fork", "spawn"])
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_processes_share_memory_however_they_are_started(method, monkeypatch):
    context = multiprocessing.get_context(method)
    monkeypatch.setattr(multiprocessing, "Lock", context.Lock)
    store = MemoryStore(ROWS, 1000)
    process = context.Process(target=store.put, args=(4, picture(4)))
    process.start()
    process.join()
    np.testing.assert_array_equal(store.get(4), picture(4))


def test_memory_is_given_back():
    before = set(os.listdir("/proc/self/fd"))
    store = MemoryStore(ROWS, 1000)
    assert set(os.listdir("/proc/self/fd")) - before
    del store
    assert set(os.listdir("/proc/self/fd")) <= before


def test_the_machine_has_some_memory():
    assert 1e8 < memory_bytes() <= os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


# Disk


def test_another_store_finds_them_and_one_of_other_settings_does_not(disk, copied):
    disk.put(0, picture(0))
    np.testing.assert_array_equal(DiskStore(copied, SETTINGS).get(0), picture(0))
    assert DiskStore(copied, {"steps": []}).get(0) is None
    assert disk.folder.stat().st_mode & 0o077 == 0  # faces: nobody else's business


def test_a_photo_that_has_changed_is_read_anew(disk, copied):
    disk.put(0, picture(0))
    path = copied.path(0)
    path.write_bytes(path.read_bytes() + b"\0")
    assert disk.get(0) is None
    path.unlink()
    assert disk.get(0) is None  # reading the photo then says what is wrong


@pytest.mark.parametrize("damage", [lambda whole: whole[:-1], lambda whole: whole[:9], lambda whole: b"", "flip"])
def test_a_damaged_picture_is_made_anew_and_that_is_said_once(damage, disk, capsys):
    for row in (0, 1):
        disk.put(row, picture(row))
    for file in files_of(disk):
        whole = file.read_bytes()
        file.write_bytes(whole[:-5] + bytes([whole[-5] ^ 1]) + whole[-4:] if damage == "flip" else damage(whole))
    assert disk.get(0) is None
    assert disk.get(1) is None
    assert capsys.readouterr().err.count("is damaged;") == 1
    disk.put(0, picture(0))
    np.testing.assert_array_equal(disk.get(0), picture(0))


def test_a_full_disk_stops_nothing_and_leaves_no_part(disk, monkeypatch, capsys):
    def full(path, content):
        with path.open("wb") as file:
            file.write(content[:3])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    for row in (0, 1):
        disk.put(row, picture(row))
        assert disk.get(row) is None
    assert files_of(disk) == []
    assert capsys.readouterr().err.count("no space left on device; no more pictures are cached there") == 1


def test_what_a_killed_process_left_is_no_picture_and_goes_in_time(disk, copied):
    disk.put(0, picture(0))
    (file,) = files_of(disk)
    new, old = file.with_suffix(".1.part"), file.with_suffix(".2.part")
    for part in (new, old):
        part.write_bytes(b"half")
    os.utime(old, (time.time() - 7200,) * 2)
    again = DiskStore(copied, SETTINGS)
    again.open()
    assert files_of(again) == sorted([file, new])
    np.testing.assert_array_equal(again.get(0), picture(0))


def test_sets_that_were_not_used_for_longest_make_room(disk, copied):
    stores = [disk, *(DiskStore(copied, {"steps": [number]}) for number in range(3))]
    for age, store in enumerate(stores):
        store.open()
        store.put(0, picture(0))
        os.utime(store.folder / "settings.json", (1e9 - age,) * 2)
    size = files_of(disk)[0].stat().st_size
    (disk.folder.parent / "rendered-abc").mkdir()  # not of this cache
    make_room(size, own=[stores[3].folder])
    assert [store.folder.exists() for store in stores] == [True, False, False, True]
    assert (disk.folder.parent / "rendered-abc").exists()
    stores[1].put(1, picture(1))  # whoever used it goes on
    np.testing.assert_array_equal(stores[1].get(1), picture(1))


def test_what_is_kept_counts_as_free(disk):
    before = free_bytes()
    disk.put(0, picture(0, 500, 500))
    assert free_bytes() == pytest.approx(before, rel=0.05)
    assert free_bytes() > 1e6
