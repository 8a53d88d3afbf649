"""A rendered set as a folder like any user's: photos, labels.csv, and beside them what only a renderer knows."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from itertools import repeat
from multiprocessing import get_context
from pathlib import Path

import cv2
import numpy as np
import pandas as pd

from multiskin.config import RenderConfig
from multiskin.data.render.conditions import CONDITIONS
from multiskin.data.render.photo import Shot, photograph
from multiskin.data.render.plan import plan_shots, rated_grades
from multiskin.data.render.tones import TONES
from multiskin.data.validation import SIDES, Progress
from multiskin.errors import UserError

EVENNESS = {"train": 0.0, "val": 1.0, "test": 1.0}  # rare grades are measured on as many photos as frequent ones
JPEG_QUALITY = 95
SMALLEST = 32  # pixels


def render_into(folder: Path, config: RenderConfig, progress: Progress | None = None) -> None:
    """Draws the whole set: images/, masks/, labels.csv as any manifest, and truth.csv with what only a renderer knows.

    Args:
        folder: a new or empty folder.
        config: the settings; the same ones give the same bytes, on any number of processes.
        progress: called with (photos drawn, photos) after each.

    Raises:
        UserError: a folder that holds something, or settings that make no set.
    """
    _check(config)
    if folder.exists() and any(folder.iterdir()):
        raise UserError(f"{folder}: there is something already; name another folder or remove this one")
    for name in ("images", "masks"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    plan = list(_plan(config))
    shots = [shot for _, shot in plan]
    with ProcessPoolExecutor(mp_context=get_context("spawn"), initializer=cv2.setNumThreads, initargs=(0,)) as pool:
        for done, _ in enumerate(pool.map(_draw, repeat(folder), shots, chunksize=8), start=1):
            if progress is not None:
                progress(done, len(shots))
    pd.DataFrame([_label(side, shot) for side, shot in plan]).to_csv(folder / "labels.csv", index=False)
    pd.DataFrame([_truth(shot) for shot in shots]).to_csv(folder / "truth.csv", index=False)


def _check(config: RenderConfig) -> None:
    if len(config.persons) != len(SIDES) or min(config.persons) < 0 or not config.persons[0]:
        raise UserError(
            f"persons is {config.persons}; give how many to train, validate and test, such as [420, 60, 150]"
        )
    if config.size < SMALLEST:
        raise UserError(f"size is {config.size}; give {SMALLEST} pixels or more, or nothing could be told by eye")
    if config.seed < 0:
        raise UserError(f"seed is {config.seed}; give 0 or more")


def _plan(config: RenderConfig) -> Iterator[tuple[str, Shot]]:
    first = 0
    for side, number in zip(SIDES, config.persons, strict=True):
        for shot in plan_shots(config.seed, range(first, first + number), EVENNESS[side], config.size):
            yield side, shot
        first += number


def _name(shot: Shot) -> str:
    return f"{shot.person:05}-{shot.number}"


def _draw(folder: Path, shot: Shot) -> None:
    photo = photograph(shot)
    quality = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]
    _write(folder / "images" / f"{_name(shot)}.jpg", photo.pixels[..., ::-1], quality)  # OpenCV's order is BGR
    for condition, mask in photo.masks.items():
        _write(folder / "masks" / f"{_name(shot)}-{condition}.png", np.rint(mask * 255).astype(np.uint8))


def _write(path: Path, pixels: np.ndarray, options: Sequence[int] = ()) -> None:
    _, encoded = cv2.imencode(path.suffix, pixels, options)
    path.write_bytes(encoded.tobytes())  # imwrite says nothing of a full disk


def _label(side: str, shot: Shot) -> dict[str, object]:
    grades = rated_grades(shot, 0)
    return {
        "image": f"images/{_name(shot)}.jpg",
        "subject": f"{shot.person:05}",
        "part": shot.part,
        "tone": TONES[shot.tone],
        "split": side,
        **{name: grades.get(name, "") for name in CONDITIONS},
    }


def _truth(shot: Shot) -> dict[str, object]:
    """Severities, and what a second rater says: how far two raters agree is the ceiling of every metric."""
    severities, second = dict(shot.severities), rated_grades(shot, 1)
    columns: dict[str, object] = {"image": f"images/{_name(shot)}.jpg"}
    for name in CONDITIONS:
        columns |= {f"{name}_severity": severities.get(name, ""), f"{name}_second": second.get(name, "")}
    return columns
