"""Writes a rendered set as a folder: photos and labels.csv as in any data set, plus masks and true severities."""

import os
import signal
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from itertools import islice, repeat
from multiprocessing import get_context, parent_process
from pathlib import Path
from threading import Thread

import cv2
import numpy as np
import pandas as pd

from multiskin.config import RenderConfig
from multiskin.data.render.conditions import CONDITIONS
from multiskin.data.render.faces import Face
from multiskin.data.render.grades import apportion
from multiskin.data.render.photo import Shot, photograph
from multiskin.data.render.plan import plan_shots, rated_grades
from multiskin.data.render.tones import TONES
from multiskin.data.validation import Progress
from multiskin.errors import UserError

EVENNESS = {"train": 0.0, "val": 1.0, "test": 1.0}  # validation and test photos have all grades equally often
JPEG_QUALITY = 95
SMALLEST, LARGEST = 32, 2048  # pixels


def render_into(
    folder: Path,
    config: RenderConfig,
    faces: Sequence[Face] = (),
    progress: Progress | None = None,
    workers: int | None = None,
) -> None:
    """Renders a set: images/, masks/, the manifest labels.csv, and truth.csv with the severities.

    Args:
        folder: a new or empty folder.
        config: the settings; equal settings give equal bytes, with any number of processes.
        faces: photographs to draw on, each used on one side of the split only; none for drawn faces.
        progress: called with (photos drawn, photos) after each.
        workers: number of processes; None for one per core.

    Raises:
        UserError: a file or a folder that is not empty, invalid settings or faces, or a process that the system killed.
    """
    check(config, faces)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UserError(f"{folder}: there is something already; name another folder or remove this one")
    for name in ("images", "masks"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    plan = list(_plan(config, faces))
    shots = [shot for _, shot in plan]
    for done, _ in enumerate(_draw_all(folder, shots, workers), start=1):
        if progress is not None:
            progress(done, len(shots))
    pd.DataFrame([_label(side, shot) for side, shot in plan]).to_csv(folder / "labels.csv", index=False)
    pd.DataFrame([_truth(shot) for shot in shots]).to_csv(folder / "truth.csv", index=False)


def check(config: RenderConfig, faces: Sequence[Face] = ()) -> None:
    """Makes sure that the settings are valid and that every side can have faces of its own.

    Raises:
        UserError: an invalid setting, or too few faces.
    """
    if len(config.persons) != len(EVENNESS) or min(config.persons) < 0 or not config.persons[0]:
        raise UserError(
            f"persons is {config.persons}; give the numbers for train, val and test, such as [420, 60, 150]"
        )
    if config.size < SMALLEST:
        raise UserError(f"size is {config.size}; give {SMALLEST} pixels or more, since less shows no condition")
    if config.size > LARGEST:
        raise UserError(f"size is {config.size}; give {LARGEST} pixels or fewer, which is more than any network uses")
    if config.seed < 0:
        raise UserError(f"seed is {config.seed}; give 0 or more")
    subjects, sides = len({face.subject for face in faces}), sum(number > 0 for number in config.persons)
    if 0 < subjects < sides:
        raise UserError(
            f"faces: {subjects} subjects are too few for {sides} sides of the split, which share none; give more"
        )


def _plan(config: RenderConfig, faces: Sequence[Face] = ()) -> Iterator[tuple[str, Shot]]:
    shares = share_out(faces, config.persons, config.seed)
    first = 0
    for (side, evenness), number, sitters in zip(EVENNESS.items(), config.persons, shares, strict=True):
        for shot in plan_shots(config.seed, range(first, first + number), evenness, config.size, sitters):
            yield side, shot
        first += number


def share_out(faces: Sequence[Face], persons: Sequence[int], seed: int) -> list[list[Face]]:
    """Each side's faces in random order, each tone shared out in proportion to persons; subjects stay together."""
    subjects: dict[str, list[Face]] = {}
    for face in faces:
        subjects.setdefault(face.subject, []).append(face)
    groups = list(subjects.values())
    rng = np.random.default_rng(seed)
    sides: list[list[list[Face]]] = [[] for _ in persons]
    for tone in sorted({group[0].tone for group in groups}):
        alike = [group for group in groups if group[0].tone == tone]
        shuffled = iter([alike[i] for i in rng.permutation(len(alike))])
        for side, number in zip(sides, apportion(persons, len(alike)), strict=True):
            side.extend(islice(shuffled, number))
    for number, side in zip(persons, sides, strict=True):
        if number and groups and not side:  # its share of each tone was rounded to 0
            side.append(max(sides, key=len).pop())
    return [[side[i][j] for i in rng.permutation(len(side)) for j in range(len(side[i]))] for side in sides]


def _draw_all(folder: Path, shots: Sequence[Shot], workers: int | None) -> Iterator[None]:
    """Draws every shot, in several processes."""
    try:
        with ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=_begin_worker) as pool:
            yield from pool.map(_draw, repeat(folder), shots, chunksize=8)
    except BrokenProcessPool as error:
        raise UserError(
            f"{folder}: the system killed a process that was drawing, most likely for lack of memory; free some memory "
            "and start again"
        ) from error


def _begin_worker() -> None:
    """Turns off OpenCV's threads, since every core has a process, and ends the process when its parent ends."""
    cv2.setNumThreads(0)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all processes; the parent handles it
    Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


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
    path.write_bytes(encoded.tobytes())  # cv2.imwrite would not report a full disk


def _label(side: str, shot: Shot) -> dict[str, object]:
    grades, second = rated_grades(shot, 0), rated_grades(shot, 1)
    return {
        "image": f"images/{_name(shot)}.jpg",
        "subject": shot.face.subject if shot.face else f"{shot.person:05}",
        "part": shot.part,
        "tone": TONES[shot.tone],
        "split": side,
        **{name: grades.get(name, "") for name in CONDITIONS},
        **{f"{name}_second": second.get(name, "") for name in CONDITIONS},
    }


def _truth(shot: Shot) -> dict[str, object]:
    severities = dict(shot.severities)
    return {"image": f"images/{_name(shot)}.jpg", **{name: severities.get(name, "") for name in CONDITIONS}}
