"""Prediction for large collections of photos with many processes, on one machine or several."""

import os
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from multiskin.cli.adjusting import with_options
from multiskin.cli.exporting import ONNX
from multiskin.cli.parsers import int_at_least
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
RUN_OPTIONS = ("model", "photos", "column", "out", "device", "batch_size", "num_workers")
ENGINE_OPTIONS = ("engine", "address", "memory", "part_rows")
# They affect the predictions, so they are part of the model's digest.
PREDICTION_OPTIONS = ("decision", "credit", "tta", "group", "detector")


def add_engine_options(parser: ArgumentParser) -> None:
    parser.add_argument("--engine", choices=["ray"], help="ray: many processes, which write parts to the folder --out")
    only = "with --engine ray: "
    parser.add_argument(
        "--part_rows", type=int_at_least(1), help=f"{only}photos per part, one file; default: {PART_ROWS}"
    )
    parser.add_argument("--address", help=f"{only}address of a running cluster; default: start one on this machine")
    waiting = "MiB for decoded photos that wait for a GPU, not with --address"
    parser.add_argument("--memory", type=int_at_least(100), help=f"{only}{waiting}; default: {MEMORY}")


def require_no_engine_options(options: Namespace) -> None:
    """Makes sure that no option of the engine is given without --engine.

    Raises:
        UserError: there is one.
    """
    for name in ("part_rows", "address", "memory"):
        if getattr(options, name) is not None:
            raise UserError(f"--{name}: needs --engine ray; add that, or leave --{name} out")


def predict_collection(options: Namespace) -> None:
    """Grades photos with many processes and writes parts to a folder; the same command resumes it.

    Raises:
        UserError: no folder to write to, an option that the engine does not support, or Ray is not installed.
    """
    from multiskin.collection.cluster import require_ray
    from multiskin.inference.files import find_photos

    _check(options)
    require_ray()
    photos = find_photos(options.photos, options.column)
    tally = _score(options, photos)
    print(f"{tally.photos} photos, {tally.now} of them scored by this command: {Path(options.out) / 'parts'}")
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
        raise UserError("--num_workers 0: with --engine ray, worker processes read the photos; give 1 or more")
    for name, value in vars(options).items():
        if value and name not in (*RUN_OPTIONS, *ENGINE_OPTIONS, *PREDICTION_OPTIONS):  # it would be silently ignored
            raise UserError(f"--{name}: cannot be combined with --engine ray; leave one of them out")
    if options.address is not None and options.memory is not None:
        raise UserError(
            f"--memory: the cluster at {options.address} has its own setting; leave --memory or --address out"
        )


def _score(options: Namespace, photos: Sequence[Path]) -> "Tally":
    from multiskin.collection.folder import CollectionFolder
    from multiskin.collection.plan import Plan, model_digest
    from multiskin.collection.rows import row_types
    from multiskin.collection.score import score_collection
    from multiskin.run import RunFolder

    predictor = load_for_engine(options, "cpu")  # for its schema, and so that mistakes show before processes start
    settings = {name: getattr(options, name) for name in PREDICTION_OPTIONS}
    digest = model_digest(RunFolder.checkpoint_at(options.model), settings)
    folder = CollectionFolder(Path(options.out), Plan.of(photos, options.part_rows or PART_ROWS, digest))
    types = row_types(predictor.schema, predictor.conformal is not None)
    size = chunk_size(options.batch_size, len(folder.plan.names), options.num_workers or os.cpu_count() or 1)
    with progress("scoring") as advance:
        connected = partial(_connected, options, predictor.transform())
        return score_collection(folder, types, size, connected, advance)


def chunk_size(batch: int, photos: int, processes: int) -> int:
    """Photos per chunk: a batch, or fewer if some processes would otherwise get none."""
    return min(batch, -(-photos // processes))


@contextmanager
def _connected(options: Namespace, transform: "PhotoTransform") -> Iterator["Pipeline"]:
    from multiskin.collection.cluster import Cluster
    from multiskin.collection.stream import Pipeline

    cluster = Cluster.of(options.address, options.num_workers, (options.memory or MEMORY) << 20)
    with cluster.connected():
        scorers = cluster.scorers(options.device)
        load = partial(load_for_engine, _with_absolute_paths(options), scorers.device)
        yield Pipeline(load, transform, os.getcwd(), options.num_workers, scorers)


def load_for_engine(options: Namespace, device: str) -> "Predictor":
    """The model with the options applied, on the given device; worker processes call it, too."""
    from multiskin.inference.predictor import Predictor
    from multiskin.run import RunFolder

    predictor = Predictor.from_checkpoint(RunFolder.checkpoint_at(options.model), device, options.detector)
    return with_options(predictor, options)


def _with_absolute_paths(options: Namespace) -> Namespace:
    """The options for other processes, whose working directory may be different."""
    paths = {name: os.path.abspath(getattr(options, name)) for name in ("model", "detector") if getattr(options, name)}
    return Namespace(**vars(options) | paths)
