"""Time that each stage of data loading takes for a smartphone photo, and throughput with and without caching.

    python benchmarks/data.py             # keep the machine idle meanwhile

Uses synthetic photos of 12 megapixels, smooth like skin with fine noise; content matters less than size. All heads
resize the photos first, then augment them as the predecessor's recipe for oil did. Each stage is timed in one process.
The data loader is timed with each way of caching, alternating, in an epoch after the first.
"""

import argparse
import os
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image
from seeds import RESULTS, commit, machine, threads

from multiskin.config import DataConfig, Recipe, Step
from multiskin.data.cache_disk import VARIABLE
from multiskin.data.datamodule import SkinDataModule
from multiskin.data.photos import Photos, load_photos
from multiskin.data.stages import photo_stages, photos_a_second
from multiskin.data.transforms import Preprocessing
from multiskin.run import write_json
from multiskin.schema import Attribute, Schema

HEIGHT, WIDTH, INPUT = 4032, 3024, 224
SCHEMA = Schema((Attribute("oil", 5), Attribute("wrinkle", 5)))
AUGMENT: list[Step] = [
    {"Resize": {"size": 512}},
    *("RandomResizedCrop", "RGBShift", "ISONoise", "OpticalDistortion", "RandomBrightness", "HorizontalFlip"),
]
WAYS: dict[str, dict[str, Any]] = {
    "read each time": {},
    "read each time, data.decoding reduced": {"decoding": "reduced"},
    "data.cache disk": {"cache": "disk"},
    "data.cache memory": {"cache": "memory"},
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=int, default=48, help="number of photos; default: 48")
    parser.add_argument("--rounds", type=int, default=7, help="rounds per way of caching; default: 7")
    parser.add_argument("--workers", type=int, default=0, help="worker processes of the data loader; default: 0")
    parser.add_argument("--out", type=Path, default=RESULTS / "data.json")
    options = parser.parse_args()
    with TemporaryDirectory() as folder:
        os.environ[VARIABLE] = f"{folder}/cache"
        make_photos(Path(folder), options.photos)
        config = DataConfig(root=folder, num_workers=options.workers, batch_size=8, draws_per_epoch=options.photos)
        photos = load_photos(config, SCHEMA)
        ways = {name: data_module(photos, replace(config, **changes)) for name, changes in WAYS.items()}
        stages = photo_stages(ways["read each time"], range(len(photos.side("train"))))
        reduced = photo_stages(ways["read each time, data.decoding reduced"], range(len(photos.side("train"))))
        rounds = [[photos_a_second(way) for way in ways.values()] for _ in range(options.rounds)]  # (R, W)
    content = {
        "command": f"python benchmarks/data.py --photos {options.photos} --rounds {options.rounds} "
        f"--workers {options.workers}",
        "machine": machine(threads()),
        "workers": options.workers,
        "photos": f"JPEG, {WIDTH} x {HEIGHT} pixels",
        "interval": f"medians (ranges) of {options.rounds} interleaved rounds",
        "stages": [{"stage": stage.name, "ms": 1000 * stage.seconds} for stage in stages],
        "decode_reduced_ms": next(1000 * stage.seconds for stage in reduced if stage.name == "decode"),
        "loaders": [loader_row(name, rates) for name, rates in zip(ways, np.array(rounds).T, strict=True)],
        "versions": {name: version(name) for name in ("pillow", "opencv-python-headless", "albumentations", "torch")},
        "commit": commit(),
    }
    write_json(options.out, content)
    print(pd.DataFrame(content["stages"]).to_string(index=False))
    print(pd.DataFrame(content["loaders"]).to_string(index=False))


def make_photos(root: Path, number: int) -> None:
    """Writes photos and their table of labels."""
    random = np.random.default_rng(0)
    for photo in range(number):
        smooth = Image.fromarray(random.integers(90, 220, (16, 12, 3), dtype=np.uint8)).resize((WIDTH, HEIGHT))
        noise = random.integers(-9, 10, (HEIGHT, WIDTH, 1), dtype=np.int16)
        pixels = np.clip(np.asarray(smooth) + noise, 0, 255).astype(np.uint8)
        Image.fromarray(pixels).save(root / f"{photo}.jpg", quality=92)
    grades = pd.DataFrame(random.integers(0, 5, (number, len(SCHEMA))), columns=list(SCHEMA.names))
    grades.assign(image=[f"{photo}.jpg" for photo in range(number)]).to_csv(root / "labels.csv", index=False)


def data_module(photos: Photos, config: DataConfig) -> SkinDataModule:
    recipes = [Recipe(augment=AUGMENT)] * len(SCHEMA)
    preprocessing = Preprocessing(INPUT, (0.5,) * 3, (0.25,) * 3)
    data = SkinDataModule(photos.side("train"), photos.side("val"), recipes, preprocessing, config, seed=0)
    data.setup("fit")
    return data


def loader_row(name: str, rates: np.ndarray) -> dict[str, object]:
    return {"way": name, "photos_a_second": [float(np.median(rates)), float(rates.min()), float(rates.max())]}


if __name__ == "__main__":
    main()
