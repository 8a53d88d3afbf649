"""How far the maps of five heads can be trusted, on drawn skin and on photographed faces, over several seeds.

    python benchmarks/maps.py drawn --persons 400
    python benchmarks/maps.py london --faces data/london_faces

Takes the runs of benchmarks/skin5.py, or trains them, and measures their maps on the test photos, or on persons drawn
anew, by the masks that these were drawn with: by head and method, and by skin tone. A photo counts with its mean over
seeds; intervals draw subjects.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from seeds import config_of, write
from skin5 import options, published, trained

from multiskin.cli.photos import checked_photos, with_photos_drawn
from multiskin.config import RenderConfig
from multiskin.data.manifest import Manifest
from multiskin.data.photos import load_side
from multiskin.explain.evaluation import evaluate_maps
from multiskin.explain.means import group_means_of, means_of
from multiskin.explain.measures import Values
from multiskin.explain.regions import MaskFolder
from multiskin.faces.step import Portrait
from multiskin.inference.predictor import Predictor
from multiskin.run import RunFolder
from multiskin.schema import Schema

TONE = "tone"
ANEW = 1000  # a seed of photos that no run has learned from


def main() -> None:
    parser = options(__doc__)
    parser.add_argument("--side", default="test", help="val while anything is still being chosen; default: test")
    parser.add_argument("--sample", type=int, default=60, help="photos for deletion, insertion and random networks")
    parser.add_argument("--persons", type=int, help="drawn anew in place of that side; not on faces, which are used up")
    given = parser.parse_args()
    if given.persons and given.faces:
        parser.error("--persons: drawn on the same faces, they would be persons that the runs have seen")
    runs, command = trained(given), f"{published(given, 'maps')} --sample {given.sample}"
    command += f" --persons {given.persons}" if given.persons else ""
    photos = drawn_anew(runs[0], given.persons) if given.persons else graded(runs[0], given.side)
    values = over_seeds([measured(run, photos, given.sample) for run in runs])
    write(f"maps_{given.ground}", means_of(values, photos, seed=0), runs, command)
    write(f"maps_{given.ground}_tones", by_tone(values, photos), runs, command)


def graded(run: Path, side: str) -> Manifest:
    """The photos of one side; all seeds have the same."""
    return load_side(config_of(run).data, Schema.load(run / "schema.yaml"), RunFolder.open(run).split, side)[0]


def drawn_anew(run: Path, persons: int) -> Manifest:
    """Photos of persons whom no run has seen, graded as skewed as test photos are."""
    config = config_of(run)
    size = (config.data.render or RenderConfig()).size
    asked = RenderConfig([1, 1, persons], size, seed=ANEW)
    config = with_photos_drawn(replace(config, data=replace(config.data, render=asked)))
    return checked_photos(config, Schema.load(run / "schema.yaml")).side("test")


def measured(run: Path, photos: Manifest, sampled: int) -> Values:
    predictor = Predictor.from_checkpoint(RunFolder.open(run).best)
    files = [photos.path(row) for row in range(len(photos))]
    masks = MaskFolder.beside(photos.root, files, photos.schema)
    return evaluate_maps(predictor, photos, masks, Portrait.skin, sampled=sampled).values


def over_seeds(values: Sequence[Values]) -> Values:
    """Each photo's mean."""
    return {key: np.mean([of_seed[key] for of_seed in values], axis=0) for key in values[0]}


def by_tone(values: Values, photos: Manifest) -> pd.DataFrame:
    """The measures of the network's own maps for each skin tone."""
    groups = group_means_of(values, photos, seed=0)
    return groups[groups["column"] == TONE].drop(columns="column").rename(columns={"group": TONE})


if __name__ == "__main__":
    main()
