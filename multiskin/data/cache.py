"""Caches the pictures of a run in memory or on disk, as the config asks and as far as there is space.

Pictures are cached as they are before a recipe's first random step, so that no result depends on the cache: decoded,
upright, cropped to the part and the face, and resized if the recipe starts with that. Heads whose recipes start with
the same steps share them.
"""

import json
from collections.abc import Sequence
from functools import cache
from hashlib import blake2b
from importlib.metadata import version
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import PIL

from multiskin.config import DataConfig, parse_bytes
from multiskin.data import cache_memory
from multiskin.data.cache_disk import DiskStore, free_bytes, make_room, say
from multiskin.data.cache_memory import MemoryStore, memory_bytes
from multiskin.data.pictures import CachedPictures, FreshPictures, Pictures
from multiskin.run import first_process

SHARE = 0.25  # of the memory, or of the free disk space, used if no size is given
SAMPLE = 8  # photos from which the size of all photos of a table is estimated
SPARE = 1.25  # safety factor on that estimate
VERSIONS = {"numpy": np.__version__, "opencv": cv2.__version__, "pillow": PIL.__version__} | {
    name: version(name) for name in ("albumentations", "mtcnn")
}
PROGRAM = ("crops.py", "images.py", "preprocessing.py", "transforms.py", "../faces/*.py")  # code that makes pictures


def cache_pictures(wanted: Sequence[FreshPictures], config: DataConfig, processes: int = 1) -> list[Pictures]:
    """The same pictures, cached as config.cache says; if they do not fit, warns and returns them uncached.

    Args:
        wanted: the pictures of each table and recipe; identical ones are cached once.
        config: cache and cache_size.
        processes: number of training processes on this machine, each of which has its own memory cache.

    Raises:
        ImageError: a photo that was read to estimate the size of the cache cannot be read.
    """
    if config.cache is None:
        return list(wanted)
    keys = [_key(each) for each in wanted]
    distinct = dict(zip(keys, wanted, strict=True))
    sizes = {key: expected_bytes(each) for key, each in distinct.items()}
    kept = _in_some_place(distinct, sizes, config, processes)
    return [kept[key] for key in keys]


def expected_bytes(fresh: FreshPictures) -> float:
    """The bytes that all pictures take, estimated from a sample if their sizes may differ."""
    rows = len(fresh.manifest)
    size = fresh.transform.settled_size()
    if size is not None:
        return rows * size[0] * size[1] * 3
    sample = np.unique(np.linspace(0, rows - 1, min(rows, SAMPLE)).round().astype(int))
    return rows * SPARE * float(np.mean([fresh[row].size for row in sample.tolist()] or [0]))


def _in_some_place(
    distinct: dict[str, FreshPictures], sizes: dict[str, float], config: DataConfig, processes: int
) -> dict[str, Pictures]:
    needed = sum(sizes.values())
    refusals = []
    if config.cache in ("memory", "auto"):
        room = _limit(config, memory_bytes()) / processes if cache_memory.available() else 0
        if needed <= room:
            return _in_memory(distinct, sizes)
        refusals.append(f"{_gigabytes(room)} of memory")
    if config.cache in ("disk", "auto"):
        room = _limit(config, free_bytes())
        if needed <= min(room, free_bytes()):
            return _on_disk(distinct, room - needed)
        refusals.append(f"{_gigabytes(room)} of disk")
    if first_process():
        enough = needed * processes if config.cache == "memory" else needed
        say(
            f"data.cache: {config.cache}: the pictures take about {_gigabytes(needed)}, but only "
            f"{' and '.join(refusals)} may be used; none is cached. {_remedy(distinct, enough)}"
        )
    return dict(distinct)


def _in_memory(distinct: dict[str, FreshPictures], sizes: dict[str, float]) -> dict[str, Pictures]:
    return {
        key: CachedPictures(fresh, MemoryStore(len(fresh.manifest), int(sizes[key]) + 1))
        for key, fresh in distinct.items()
    }


def _on_disk(distinct: dict[str, FreshPictures], for_others: float) -> dict[str, Pictures]:
    stores = {key: DiskStore(fresh.manifest, _settings(fresh)) for key, fresh in distinct.items()}
    try:
        make_room(for_others, [store.folder for store in stores.values()])
        for store in stores.values():
            store.open()
    except OSError as error:
        say(f"data.cache: {error.filename}: {(error.strerror or str(error)).lower()}; no picture is cached")
        return dict(distinct)
    return {key: CachedPictures(fresh, stores[key]) for key, fresh in distinct.items()}


def _limit(config: DataConfig, available: float) -> float:
    """The bytes that all pictures may take: config.cache_size, else a share of what is available."""
    return SHARE * available if config.cache_size is None else parse_bytes(config.cache_size, "data.cache_size")


def _remedy(distinct: dict[str, FreshPictures], enough: float) -> str:
    whole = [fresh for fresh in distinct.values() if fresh.transform.settled_size() is None]
    if not whole:
        return f"Set data.cache_size to {_gigabytes(1.01 * enough)} if the machine has that"
    return "Start recipes with Resize: {size: N}, so that pictures of N x N pixels are cached instead of whole photos"


def _gigabytes(size: float) -> str:
    return f"{size / 1e9:.3g} GB"


def _key(fresh: FreshPictures) -> str:
    """A key that is equal for identical pictures within a run."""
    return json.dumps([id(fresh.manifest), _settings(fresh)], sort_keys=True)


def _settings(fresh: FreshPictures) -> dict[str, Any]:
    """Everything that the pictures depend on besides their photos."""
    transform = fresh.transform
    detector = Path(transform.skin.config.detector or "")
    return {
        "transform": transform.settings(),
        "least": transform.least_size() if fresh.reduced else None,
        "detector": _digest(detector) if detector.is_file() else None,
        "versions": VERSIONS,
        "program": _program(),
    }


@cache
def _program() -> str:
    here = Path(__file__).parent
    return blake2b("".join(_digest(path) for each in PROGRAM for path in sorted(here.glob(each))).encode()).hexdigest()


def _digest(path: Path) -> str:
    return blake2b(path.read_bytes(), digest_size=12).hexdigest()
