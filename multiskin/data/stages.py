"""Times each stage of loading a photo, one photo at a time in one process."""

import random
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import NamedTuple

import numpy as np
from torch.utils.data import default_collate

from multiskin.data.crops import Box, parse_name
from multiskin.data.datamodule import SkinDataModule
from multiskin.data.dataset import TrainingPhotos
from multiskin.data.images import decode_image
from multiskin.data.pictures import CachedPictures, FreshPictures
from multiskin.data.sampling import Draw


class Stage(NamedTuple):
    """One stage of loading.

    Attributes:
        name: what is done, after the name of the head where recipes differ.
        seconds: seconds per photo.
        once: whether the cache makes it unnecessary after the first epoch.
    """

    name: str
    seconds: float
    once: bool


class Clock:
    """Adds up seconds by name."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)

    @contextmanager
    def __call__(self, name: str) -> Iterator[None]:
        start = time.perf_counter()
        yield
        self.seconds[name] += time.perf_counter() - start


def photo_stages(data: SkinDataModule, rows: Sequence[int]) -> list[Stage]:
    """The time that each stage takes for these training photos, in order, for each distinct recipe.

    Args:
        data: the data of a run.
        rows: rows of its training photos; the first is loaded once beforehand to warm up.

    Raises:
        ImageError: a photo cannot be read.
    """
    photos = data.training_photos
    stages: list[Stage] = []
    for head, name in _recipes(photos).items():
        clock, kept = Clock(), Clock()
        for row in rows[:1]:
            _time_photo(photos, head, row, Clock(), Clock())
        for row in rows:
            _time_photo(photos, head, row, clock, kept)
        spared = isinstance(photos.pictures[head], CachedPictures)
        stages += [Stage(f"{name}{each}", total / len(rows), spared) for each, total in clock.seconds.items()]
        stages += [Stage(f"{name}{each}", total / len(rows), False) for each, total in kept.seconds.items()]
    return [*stages, *_stages_of_batches(data, rows)]


def _recipes(photos: TrainingPhotos) -> dict[int, str]:
    """The first head of each distinct recipe, and a prefix for the names of its stages; "" if there is only one."""
    heads: dict[str, int] = {}
    for head, transform in enumerate(photos.transforms):
        heads.setdefault(repr(transform.compose), head)
    names = photos.manifest.schema.names
    return {head: f"{names[head]}: " if len(heads) > 1 else "" for head in heads.values()}


def _time_photo(photos: TrainingPhotos, head: int, row: int, clock: Clock, kept: Clock) -> None:
    """Times one photo: with the first clock up to what may be cached, with the second one from there on."""
    fresh, transform = photos.fresh[head], photos.transforms[head]
    picture = _settle(fresh, row, clock)
    if isinstance(photos.pictures[head], CachedPictures):
        _ = photos.pictures[head][row]
        with kept("take from the cache"):
            picture = photos.pictures[head][row]
    transform.compose.set_random_state(np.random.default_rng(row), random.Random(row))
    for step in transform.compose.transforms[transform.settled :]:
        with kept(type(step).__name__):
            picture = step(image=picture)["image"]


def _settle(fresh: FreshPictures, row: int, clock: Clock) -> np.ndarray:
    name, transform = str(fresh.manifest.path(row)), fresh.transform
    place, box = parse_name(name)
    with clock("read"):
        content = Path(place).read_bytes()
    with clock("decode"):
        least = transform.least_size() if fresh.reduced and box is None else None
        picture = decode_image(BytesIO(content), name, least=least)
    if box is not None:
        with clock("cut"):
            picture = (box.within(*picture.shape[:2]) or Box(0, 0, 1, 1)).cut(picture)
    if transform.skin.config.crop or transform.skin.config.only:
        with clock("face"):
            picture = transform.skin(picture)
    for step in transform.compose.transforms[: transform.settled]:
        with clock(type(step).__name__):
            picture = step(image=picture)["image"]
    return picture


def _stages_of_batches(data: SkinDataModule, rows: Sequence[int]) -> list[Stage]:
    clock = Clock()
    items = [data.training_photos[Draw(row, 0, 0, number)] for number, row in enumerate(rows)]
    size = data.config.batch_size
    for start in range(0, len(items), size):
        with clock("collate"):
            default_collate(items[start : start + size])
    loader = data.train_dataloader()
    with clock("sampler"):
        draws = len(list(loader.sampler))
    return [
        Stage("collate", clock.seconds["collate"] / len(items), False),
        Stage("sampler", clock.seconds["sampler"] / draws, False),
    ]


def photos_a_second(data: SkinDataModule) -> float:
    """The photos per second that the loader yields with its workers, after an epoch that fills the cache."""
    loader = data.train_dataloader()
    for _ in loader:
        pass
    start, photos = time.perf_counter(), 0
    for batch in loader:
        photos += len(batch["row"])
    return photos / (time.perf_counter() - start)
