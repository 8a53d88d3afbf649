"""Exported models: latency, cold start of `multiskin predict`, and the quality lost by 8-bit quantisation.

    python benchmarks/export.py runs/first        # ten minutes; keep the machine idle meanwhile

Latency is measured on single photos with the PyTorch model, its ONNX file and its 8-bit ONNX file, alternating in one
process. Each cold start runs in a new process, also alternating. P-Recall of all three is measured on the run's
validation photos.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from seeds import RESULTS, commit, machine, threads

from multiskin.cli.allocator import keep_freed_memory
from multiskin.config import Columns, DataConfig
from multiskin.data.manifest import Manifest
from multiskin.data.photos import load_side
from multiskin.export.agreement import Agreement
from multiskin.export.onnx import export_int8, export_onnx
from multiskin.export.photos import COMPARED, LEARNED, run_photos
from multiskin.inference.predictor import PhotoResult, Predictor
from multiskin.metrics.bootstrap import RESAMPLES, interval, metric_values, resampled_confusions
from multiskin.metrics.functional import p_recall
from multiskin.portable.predictor import OnnxPredictor
from multiskin.reports.page import settings_of
from multiskin.run import RunFolder, write_json
from multiskin.schema import Schema
from multiskin.timing import resampled_rounds, time_alternately

Model = Predictor | OnnxPredictor


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, help="a finished run whose photos are still in place")
    parser.add_argument("--seconds", type=float, default=120, help="time budget for the latency; default: 120")
    parser.add_argument("--rounds", type=int, default=9, help="cold starts per model; default: 9")
    parser.add_argument("--photos", type=int, help="number of validation photos to use; default: all")
    parser.add_argument("--out", type=Path, default=RESULTS / "export.json")
    args = parser.parse_args()
    keep_freed_memory()
    torch.set_num_threads(threads())
    load, run = os.getloadavg()[0], RunFolder.open(args.run)
    predictor = Predictor.from_checkpoint(run.best, "cpu")
    with TemporaryDirectory() as folder:
        files = {"ONNX": Path(folder) / "model.onnx", "ONNX, 8 bits": Path(folder) / "int8.onnx"}
        agreed = export(predictor, run, *files.values())
        models: dict[str, Model] = {"PyTorch": predictor}
        models |= {way: OnnxPredictor.from_file(file, threads=threads()) for way, file in files.items()}
        photos = validation_photos(run, predictor.schema, args.photos)
        content = {
            "latency": latency(models, predictor, args.seconds),
            "cold": cold_starts({"PyTorch": args.run} | files, photos.path(0), args.rounds),
            "agreement": {way: found._asdict() | {"grades": found.grades.mean()} for way, found in agreed.items()},
            "quality": quality(models, photos),
            "megabytes": {way: round(file.stat().st_size / 1e6, 1) for way, file in files.items()},
        }
    write_json(args.out, provenance(args, predictor, load) | content)
    print(json.dumps(content, indent=2))


def export(predictor: Predictor, run: RunFolder, plain: Path, int8: Path) -> dict[str, Agreement]:
    """Writes both ONNX files, and returns how closely each agrees with the PyTorch model."""
    root = Path(settings_of(run)["data"]["root"])
    compared, learned = run_photos(run, root, "val", COMPARED), run_photos(run, root, "train", LEARNED)
    return {
        "ONNX": export_onnx(predictor, plain, compared),
        "ONNX, 8 bits": export_int8(predictor, plain, int8, compared, learned),
    }


def validation_photos(run: RunFolder, schema: Schema, most: int | None) -> Manifest:
    data = settings_of(run)["data"]
    known = {key: data[key] for key in ("root", "manifest") if key in data}
    photos, _ = load_side(DataConfig(**known, columns=Columns(**data["columns"])), schema, run.split, "val")
    return photos.select(np.arange(len(photos)) < (most or len(photos)))


def latency(models: Mapping[str, Model], predictor: Predictor, budget: float) -> dict[str, object]:
    """Milliseconds from one preprocessed photo to its prediction, for each model.

    Medians over rounds, and the speed relative to the PyTorch model, with 95 % intervals over rounds.
    """
    size = predictor.preprocessing.input_size
    photo = np.random.default_rng(0).integers(0, 256, (size, size, 3), dtype=np.uint8)
    rounds = 1000 * time_alternately([prediction_task(model, photo) for model in models.values()], budget)  # (R, T)
    medians = np.median(resampled_rounds(rounds), axis=1)  # (1 + RESAMPLES, T)
    return {
        way: {"ms": rounded(medians[:, t]), "times_as_fast": rounded(medians[:, 0] / medians[:, t])}
        for t, way in enumerate(models)
    }


def prediction_task(model: Model, photo: np.ndarray) -> Callable[[], object]:
    """A function that predicts for a photo (S, S, 3) already resized to the input size."""
    if isinstance(model, OnnxPredictor):
        pixels = model.pixels(photo)[None]
        return lambda: model.predict(pixels)
    image = model.transform()(photo, seed=0)[None]
    return lambda: model.predict(image)


def cold_starts(models: Mapping[str, Path], photo: Path, rounds: int) -> dict[str, object]:
    """Seconds from the start of `multiskin predict` to its first score, for each model: median, minimum and maximum."""
    seconds = np.array([[seconds_to_first_score(model, photo) for model in models.values()] for _ in range(rounds)])
    return {
        way: [round(float(of(seconds[:, t])), 3) for of in (np.median, np.min, np.max)] for t, way in enumerate(models)
    }


def seconds_to_first_score(model: Path, photo: Path) -> float:
    """Seconds until `multiskin predict` prints its first score."""
    command = [sys.executable, "-m", "multiskin", "predict", str(model), str(photo), "--num_workers", "0"]
    start = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        lines = [(line, time.perf_counter() - start) for line in process.stdout]
    scores = lines[1:]  # the first line names the columns
    if process.returncode or len(scores) != 1 or not scores[0][0].startswith(str(photo)):
        raise RuntimeError(f"{' '.join(command)} exited with {process.returncode}; run it to see its output")
    return scores[0][1]


def quality(models: Mapping[str, Model], photos: Manifest) -> dict[str, object]:
    """Mean P-Recall over ordinal heads, and its difference from the PyTorch model, with 95 % intervals."""
    units = photos.units
    paths = [photos.path(row) for row in range(len(photos))]
    values = {
        way: mean_p_recall(list(model.predict_files(paths, num_workers=0)), photos, units)
        for way, model in models.items()
    }
    first = values["PyTorch"]
    found = {way: {"p_recall": rounded(of), "difference": rounded(of - first)} for way, of in values.items()}
    return {"photos": len(photos), "ways": found}


def mean_p_recall(results: Sequence[PhotoResult], photos: Manifest, units: np.ndarray) -> np.ndarray:
    """Mean P-Recall over ordinal heads (1 + RESAMPLES,): of all photos, then of each resample of subjects."""
    grades = np.concatenate([result.prediction.grades for result in results if result.prediction is not None])
    confusions = resampled_confusions(photos.grades, grades, units, photos.schema.max_grades)
    heads = [
        metric_values(p_recall, confusions[:, h, : each.grades, : each.grades])
        for h, each in enumerate(photos.schema)
        if each.ordinal
    ]
    return np.mean(heads, axis=0)


def rounded(values: np.ndarray) -> list[float]:
    return [round(value, 4) for value in interval(values)]


def provenance(args: argparse.Namespace, predictor: Predictor, load: float) -> dict[str, object]:
    """What is needed to reproduce the numbers."""
    blueprint = predictor.blueprint
    assert blueprint is not None  # always set by from_checkpoint
    limit = "" if args.photos is None else f" --photos {args.photos}"
    return {
        "command": f"python benchmarks/export.py RUN --seconds {args.seconds:g} --rounds {args.rounds}{limit}",
        "run": args.run.name,
        "network": f"{blueprint.model.backbone}, {blueprint.model.input_size} pixels, {len(blueprint.schema)} heads",
        "interval": f"95 %, {RESAMPLES} resamples of rounds, or of subjects; cold start: median (range)",
        "machine": machine(threads()),
        "load_before": round(load, 1),
        "versions": {package: version(package) for package in ("torch", "onnx", "onnxruntime")},
        "commit": commit(),
    }


if __name__ == "__main__":
    main()
