"""Effect of averaging over several views of a photo (test-time augmentation) on validation metrics and time.

    python benchmarks/views.py skin5_drawn runs/benchmark/skin5_drawn-{0,1,2}

Takes finished runs that differ only in their seed. Each model predicts its validation photos from a single view, and
from the mean over each set of views; test photos are not used, since the set of views is a choice. Differences are
paired by photo and seed. Times are measured on one batch with the network of the first run, alternating.
"""

import argparse
import os
from collections.abc import Mapping, Sequence
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from seeds import RESULTS, commit, machine, origin, threads

from multiskin.cli.allocator import keep_freed_memory
from multiskin.cli.parsers import add_inference_options
from multiskin.cli.photos import data_of
from multiskin.compare.answers import Pair, Predictions
from multiskin.compare.statistics import RESAMPLES, compare
from multiskin.data.manifest import Manifest
from multiskin.data.photos import load_side
from multiskin.inference.evaluate import evaluate
from multiskin.inference.predictor import Predictor
from multiskin.portable.results import Prediction
from multiskin.portable.views import VIEWS
from multiskin.reports.page import settings_of
from multiskin.run import RunFolder, write_json
from multiskin.schema import MISSING
from multiskin.timing import ratio_of_sides, time_alternately

SINGLE = ""  # in place of the name of a set of views: a single view


class Scored(NamedTuple):
    """One run's predictions of its validation photos, by set of views."""

    photos: Manifest
    predictions: Mapping[str, Prediction]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", help="name of the results, views_NAME.csv and .json")
    parser.add_argument("runs", type=Path, nargs="+", metavar="RUN", help="finished runs of one config")
    parser.add_argument("--root", help="folder of the photos now; default: the one used in training")
    parser.add_argument("--seconds", type=float, default=60, help="budget for timing each set of views; default: 60")
    add_inference_options(parser)
    args = parser.parse_args()
    keep_freed_memory()
    load = os.getloadavg()[0]
    times = times_as_long(load_predictor(args, args.runs[0]), args.batch_size, args.seconds)
    table = compare_views([score(args, run) for run in args.runs])
    RESULTS.mkdir(exist_ok=True)
    table.to_csv(RESULTS / f"views_{args.name}.csv", index=False, float_format="%.4f")
    source = provenance(args, load) | {"times_as_long": times}
    write_json(RESULTS / f"views_{args.name}.json", source)
    print(table[table["attribute"] == "mean"].to_string(index=False, float_format="%.4f"))
    print(times)


def load_predictor(args: argparse.Namespace, run: Path) -> Predictor:
    return Predictor.from_checkpoint(RunFolder.open(run).best, args.device, args.detector)


def score(args: argparse.Namespace, run: Path) -> Scored:
    folder, predictor = RunFolder.open(run), load_predictor(args, run)
    data = data_of(folder, args, "views", "")
    photos, _ = load_side(data, predictor.schema, folder.split, "val")
    models = {SINGLE: predictor} | {name: predictor.with_views(name) for name in VIEWS}
    return Scored(
        photos,
        {name: evaluate(model, photos, data.batch_size, data.num_workers).prediction for name, model in models.items()},
    )


def compare_views(runs: Sequence[Scored]) -> pd.DataFrame:
    """One row per set of views, metric, and attribute or their mean: several views compared with a single one."""
    first = runs[0].photos
    for run in runs:
        if not (np.array_equal(run.photos.paths, first.paths) and np.array_equal(run.photos.grades, first.grades)):
            raise SystemExit("the runs differ in their validation photos; take runs of one config that differ in seed")
    return pd.concat([compare(pairs(runs, name)).assign(views=name) for name in VIEWS])


def pairs(runs: Sequence[Scored], name: str) -> list[Pair]:
    """For each attribute, predictions from several views and from a single one, on its graded photos."""
    photos = runs[0].photos
    subjects = np.full(len(photos), "") if photos.subject is None else photos.subject.astype(str)
    made = []
    for h, attribute in enumerate(photos.schema):
        rows = np.flatnonzero(photos.grades[:, h] != MISSING)
        candidate, baseline = (
            answers([run.predictions[of] for run in runs], rows, h, attribute.grades) for of in (name, SINGLE)
        )
        images, true = photos.paths[rows].astype(str), photos.grades[rows, h]
        made.append(Pair(attribute, images, subjects[rows], true, candidate, baseline))
    return made


def answers(predictions: Sequence[Prediction], rows: np.ndarray, head: int, grades: int) -> Predictions:
    """The predictions of the models of all seeds for one head, on the photos of these rows."""
    return Predictions(
        predicted=np.stack([each.grades[rows, head] for each in predictions]),
        probabilities=np.stack([each.probabilities[rows, head, :grades].astype(float) for each in predictions]),
    )


def times_as_long(predictor: Predictor, batch: int, budget: float) -> dict[str, list[float]]:
    """The time of a batch relative to a single view, with its interval, by set of views."""
    size = predictor.preprocessing.input_size
    images = torch.randn(batch, 3, size, size, device=predictor.device)
    single, found = partial(predictor.predict, images), {}
    for name in VIEWS:
        seconds = time_alternately([single, partial(predictor.with_views(name).predict, images)], budget)
        found[name] = [round(each, 4) for each in ratio_of_sides(seconds)]
    return found


def provenance(args: argparse.Namespace, load: float) -> dict[str, object]:
    of = "the method" if len(args.runs) > 1 else "this model"
    batch = f"--batch_size {args.batch_size}"
    shell = " ".join(run.name if run.is_absolute() else str(run) for run in args.runs)
    return {
        "command": f"python benchmarks/views.py {args.name} {shell} --seconds {args.seconds:g} {batch}",
        "seeds": [settings_of(RunFolder.open(run))["seed"] for run in args.runs],
        "interval": f"95 %, of {of}, {RESAMPLES} resamples of subjects",
        "timed": f"batches of {args.batch_size} timed in interleaved rounds, load {load:.1f} before",
        "trained_at": [origin(run).get("commit") for run in args.runs],
        "machine": machine(threads()),
        "versions": {package: version(package) for package in ("torch", "timm", "numpy")},
        "commit": commit(),
    }


if __name__ == "__main__":
    main()
