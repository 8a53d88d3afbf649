"""Throughput of `multiskin predict` on smartphone photos, by itself and with --engine ray, on one machine.

    python benchmarks/collection.py             # keep the machine idle meanwhile

Each command scores a small and a large folder of photos, alternating, in processes of its own. The time per photo is
the difference of the two times divided by the difference of the two numbers of photos; the rest of the shorter time is
the start-up time before the first photo.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from data import HEIGHT, WIDTH, make_photos
from seeds import RESULTS, commit, machine, threads

from multiskin.config import ModelConfig, Recipe
from multiskin.data.preprocessing import Preprocessing
from multiskin.inference.predictor import Predictor
from multiskin.models.blueprint import Blueprint
from multiskin.run import write_json
from multiskin.schema import Attribute, Schema

BACKBONE, INPUT, GRADES = "efficientnet_b0", 224, 5
SCHEMA = Schema(tuple(Attribute(f"attribute_{number}", GRADES) for number in range(5)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=int, nargs=2, default=[16, 144], help="in each folder; default: 16 144")
    parser.add_argument("--rounds", type=int, default=5, help="rounds per command; default: 5")
    parser.add_argument("--out", type=Path, default=RESULTS / "collection.json")
    args = parser.parse_args()
    load = os.getloadavg()[0]
    with TemporaryDirectory() as folder:
        folders = photo_folders(Path(folder), args.photos)
        model = untrained_model(Path(folder) / "model")
        ways = {"predict": ["--num_workers", "0"], "predict --engine ray": ["--engine", "ray"]}
        rounds = [seconds(ways, model, folders, Path(folder) / f"out-{r}") for r in range(args.rounds)]
    content = {
        "command": f"python benchmarks/collection.py --photos {' '.join(map(str, args.photos))} --rounds {args.rounds}",
        "machine": machine(threads()),
        "cores": os.cpu_count(),
        "photos": f"JPEG, {WIDTH} x {HEIGHT} pixels",
        "network": f"{BACKBONE}, {INPUT} pixels, {len(SCHEMA)} heads",
        "interval": f"medians (ranges) of {args.rounds} interleaved rounds",
        "ways": [row(way, args.photos, np.array(rounds)[:, w]) for w, way in enumerate(ways)],
        "load_before": round(load, 1),
        "versions": {package: version(package) for package in ("torch", "ray", "pillow")},
        "commit": commit(),
    }
    write_json(args.out, content)
    print(json.dumps(content["ways"], indent=2))


def photo_folders(root: Path, sizes: Sequence[int]) -> list[Path]:
    """One folder per size; the smaller ones link to photos of the largest."""
    largest = root / "photos"
    largest.mkdir()
    make_photos(largest, max(sizes))
    (largest / "labels.csv").unlink()
    for size in sizes:
        (root / str(size)).mkdir()
        for photo in range(size):
            os.link(largest / f"{photo}.jpg", root / str(size) / f"{photo}.jpg")
    return [root / str(size) for size in sizes]


def untrained_model(folder: Path) -> Path:
    """Saves a model with random weights, which takes as long as a trained one."""
    counts = tuple((1,) * attribute.grades for attribute in SCHEMA)
    blueprint = Blueprint(SCHEMA, ModelConfig(BACKBONE, "none", INPUT), (Recipe(),) * len(SCHEMA), counts)
    net = blueprint.build()
    preprocessing = Preprocessing(INPUT, net.backbone.mean, net.backbone.std)
    Predictor(net.eval(), preprocessing, torch.device("cpu"), blueprint=blueprint).save_pretrained(folder)
    return folder


def seconds(ways: Mapping[str, Sequence[str]], model: Path, folders: Sequence[Path], out: Path) -> list[list[float]]:
    """The seconds of each command for each folder."""
    return [
        [run_command([str(model), str(photos), *options], out / f"{w}-{photos.name}") for photos in folders]
        for w, options in enumerate(ways.values())
    ]


def run_command(arguments: Sequence[str], out: Path) -> float:
    out.parent.mkdir(exist_ok=True)
    place = out if "ray" in arguments else out.with_suffix(".csv")
    start = time.perf_counter()
    command = [sys.executable, "-m", "multiskin", "predict", *arguments, "--out", str(place)]
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - start


def row(way: str, sizes: Sequence[int], seconds: np.ndarray) -> dict[str, object]:
    """Photos per second and seconds before the first, from seconds (R, 2): each as median, minimum and maximum."""
    seconds_per_photo = (seconds[:, 1] - seconds[:, 0]) / (sizes[1] - sizes[0])
    before = seconds[:, 0] - sizes[0] * seconds_per_photo
    return {
        "way": way,
        "photos_a_second": median_and_range(1 / seconds_per_photo),
        "seconds_before": median_and_range(before),
    }


def median_and_range(values: np.ndarray) -> list[float]:
    return [round(float(of(values)), 2) for of in (np.median, np.min, np.max)]


if __name__ == "__main__":
    main()
