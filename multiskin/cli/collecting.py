"""Prediction by many processes, on one machine or several."""

import os
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from multiskin.cli.adjusting import with_options
from multiskin.cli.exporting import ONNX
from multiskin.cli.parsers import whole
from multiskin.cli.terminal import progress, warn
from multiskin.errors import UserError, unknown

if TYPE_CHECKING:
    from multiskin.collection.score import Tally
    from multiskin.collection.stream import Pipeline
    from multiskin.data.transforms import PhotoTransform
    from multiskin.inference.predictor import Predictor

DEVICES = ("auto", "cpu", "cuda")
PART_ROWS = 4096
MEMORY = 2048  # MiB
HOW = ("model", "photos", "column", "out", "device", "batch_size", "num_workers")
HOW_HERE = ("engine", "address", "memory", "part_rows")
# Decides what is said of a photo, and belongs to the model's digest.
WHAT = ("decision", "credit", "tta", "group", "detector")


def add_engine_options(parser: ArgumentParser) -> None:
    parser.add_argument("--engine", choices=["ray"], help="ray: many processes, which fill the folder --out with parts")
    only = "with --engine ray: "
    parser.add_argument("--part_rows", type=whole(1), help=f"{only}photos per part, one file; default: {PART_ROWS}")
    parser.add_argument("--address", help=f"{only}address of a running cluster; default: start one on this machine")
    waiting = "MiB of read photos that wait for a GPU, without --address"
    parser.add_argument("--memory", type=whole(100), help=f"{only}{waiting}; default: {MEMORY}")


def require_no_engine(options: Namespace) -> None:
    """Makes sure that no engine option is given without --engine.

    Raises:
        UserError: one is.
    """
    for name in ("part_rows", "address", "memory"):
        if getattr(options, name) is not None:
            raise UserError(f"--{name}: has no meaning without --engine ray")


def predict_collection(options: Namespace) -> None:
    """Grades photographs with many processes, writing parts to a folder; the same command resumes it.

    Raises:
        UserError: no folder to write to, an option that the engine does not take, or no Ray.
    """
    from multiskin.collection.cluster import require_ray
    from multiskin.collection.listing import list_photos

    _check(options)
    require_ray()
    photos = list_photos(options.photos, options.column)
    tally = _score(options, photos)
    print(f"{tally.photos} photos, {tally.now} of them scored now: {Path(options.out) / 'parts'}")
    reasons = Path(options.out) / "failed.parquet"
    if tally.failed == tally.photos:
        raise UserError(f"none of {tally.photos} photos could be read; the reasons are in {reasons}")
    if tally.failed:
        warn([f"{tally.failed} of {tally.photos} photos could not be read; the reasons are in {reasons}"])


def _check(options: Namespace) -> None:
    if options.out is None:
        raise UserError("--out: with --engine ray, name a folder for the parts")
    if Path(options.model).suffix.lower() == ONNX:
        raise UserError(f"{options.model}: --engine ray takes a run folder or a checkpoint, not an {ONNX} file")
    if options.device not in DEVICES:
        raise unknown("device", options.device, DEVICES, "--device, with --engine ray")
    if options.num_workers == 0:
        raise UserError("--num_workers 0: with --engine ray, photos are read by processes; give 1 or more")
    for name, value in vars(options).items():
        if value and name not in (*HOW, *HOW_HERE, *WHAT):  # which would be silently ignored
            raise UserError(f"--{name}: cannot be combined with --engine ray; leave one of them out")
    if options.address is not None and options.memory is not None:
        raise UserError(f"--memory: the cluster at {options.address} has its own setting; leave one of them out")


def _score(options: Namespace, photos: Sequence[Path]) -> "Tally":
    from multiskin.collection.folder import CollectionFolder
    from multiskin.collection.plan import Plan, model_digest
    from multiskin.collection.rows import row_types
    from multiskin.collection.score import score_collection
    from multiskin.run import RunFolder

    predictor = load_for_engine(options, "cpu")  # here its schema is needed, and its mistakes are found at once
    settings = {name: getattr(options, name) for name in WHAT}
    digest = model_digest(RunFolder.checkpoint_at(options.model), settings)
    folder = CollectionFolder(Path(options.out), Plan.of(photos, options.part_rows or PART_ROWS, digest))
    types = row_types(predictor.schema, predictor.conformal is not None)
    size = chunk_size(options.batch_size, len(folder.plan.names), options.num_workers or os.cpu_count() or 1)
    with progress("scoring") as advance:
        connected = partial(_connected, options, predictor.transform())
        return score_collection(folder, types, size, connected, advance)


def chunk_size(batch: int, photos: int, processes: int) -> int:
    """Photos per chunk: a batch, or fewer where some processes would otherwise get none."""
    return min(batch, -(-photos // processes))


@contextmanager
def _connected(options: Namespace, transform: "PhotoTransform") -> Iterator["Pipeline"]:
    from multiskin.collection.cluster import Cluster
    from multiskin.collection.stream import Pipeline

    cluster = Cluster.of(options.address, options.num_workers, (options.memory or MEMORY) << 20)
    with cluster.connected():
        scorers = cluster.scorers(options.device)
        load = partial(load_for_engine, _anywhere(options), scorers.device)
        yield Pipeline(load, transform, os.getcwd(), options.num_workers, scorers)


def load_for_engine(options: Namespace, device: str) -> "Predictor":
    """The model as the options ask for it, in whatever process and on whatever device."""
    from multiskin.inference.predictor import Predictor
    from multiskin.run import RunFolder

    predictor = Predictor.from_checkpoint(RunFolder.checkpoint_at(options.model), device, options.detector)
    return with_options(predictor, options)


def _anywhere(options: Namespace) -> Namespace:
    """The options with paths that other processes understand, which may begin in other folders."""
    paths = {name: os.path.abspath(getattr(options, name)) for name in ("model", "detector") if getattr(options, name)}
    return Namespace(**vars(options) | paths)
