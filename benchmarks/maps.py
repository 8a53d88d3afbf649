"""How far the maps of five heads can be trusted, on drawn skin and on photographed faces, over several seeds.

    python benchmarks/maps.py drawn
    python benchmarks/maps.py london --faces data/london_faces

Takes the runs of benchmarks/skin5.py, or trains them, and measures their maps on the test photos by the masks that
these were drawn with: by head and method, and by skin tone. A photo counts with its mean over seeds; intervals draw
subjects.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from seeds import write
from skin5 import options, published, trained

from multiskin.cli.settings import fit_config
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


def main() -> None:
    parser = options(__doc__)
    parser.add_argument("--side", default="test", help="val while anything is still being chosen; default: test")
    parser.add_argument("--sample", type=int, default=60, help="photos for deletion, insertion and random networks")
    given = parser.parse_args()
    runs, command = trained(given), f"{published(given, 'maps')} --sample {given.sample}"
    photos = graded(runs[0], given.side)
    values = over_seeds([measured(run, photos, given.sample) for run in runs])
    write(f"maps_{given.ground}", means_of(values, photos, seed=0), runs, command)
    write(f"maps_{given.ground}_tones", by_tone(values, photos), runs, command)


def graded(run: Path, side: str) -> Manifest:
    """The photos of one side; all seeds have the same."""
    config = fit_config("maps", "", ["--config", str(run / "config.yaml")])[0]
    return load_side(config.data, Schema.load(run / "schema.yaml"), RunFolder.open(run).split, side)[0]


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
