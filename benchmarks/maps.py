"""Quality of the explanation maps of five heads, on rendered skin and on photographs of faces, over several seeds.

    python benchmarks/maps.py drawn --persons 400
    python benchmarks/maps.py london --faces data/london_faces

Takes the runs of benchmarks/skin5.py, or trains them, and compares their maps with the masks that the photos were
rendered with, on the test photos or on newly rendered persons: by head and method, and by skin tone. Each photo counts
with its mean over seeds; intervals resample subjects.
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
NEW_SEED = 1000  # the seed of rendered photos that no run has seen


def main() -> None:
    parser = options(__doc__)
    parser.add_argument("--side", default="test", help="use val while settings are still being chosen; default: test")
    parser.add_argument("--sample", type=int, default=60, help="photos for deletion, insertion and random networks")
    parser.add_argument("--persons", type=int, help="render so many new persons and use them instead; not with --faces")
    args = parser.parse_args()
    if args.persons and args.faces:
        parser.error("--persons: not with --faces, since the runs have seen all of the faces; leave one of them out")
    runs, command = trained(args), f"{published(args, 'maps')} --sample {args.sample}"
    command += f" --persons {args.persons}" if args.persons else ""
    photos = render_new_persons(runs[0], args.persons) if args.persons else photos_of_side(runs[0], args.side)
    values = mean_over_seeds([map_values(run, photos, args.sample) for run in runs])
    write(f"maps_{args.ground}", means_of(values, photos, seed=0), runs, command)
    write(f"maps_{args.ground}_tones", by_tone(values, photos), runs, command)


def photos_of_side(run: Path, side: str) -> Manifest:
    """The photos of one side, which are the same for all seeds."""
    return load_side(config_of(run).data, Schema.load(run / "schema.yaml"), RunFolder.open(run).split, side)[0]


def render_new_persons(run: Path, persons: int) -> Manifest:
    """Rendered photos of persons that no run has seen, with the grade distribution of the test photos."""
    config = config_of(run)
    size = (config.data.render or RenderConfig()).size
    asked = RenderConfig([1, 1, persons], size, seed=NEW_SEED)
    config = with_photos_drawn(replace(config, data=replace(config.data, render=asked)))
    return checked_photos(config, Schema.load(run / "schema.yaml")).side("test")


def map_values(run: Path, photos: Manifest, sampled: int) -> Values:
    predictor = Predictor.from_checkpoint(RunFolder.open(run).best)
    files = [photos.path(row) for row in range(len(photos))]
    masks = MaskFolder.beside(photos.root, files, photos.schema)
    return evaluate_maps(predictor, photos, masks, Portrait.skin, sampled=sampled).values


def mean_over_seeds(values: Sequence[Values]) -> Values:
    """The values of each photo, averaged over seeds."""
    return {key: np.mean([seed_values[key] for seed_values in values], axis=0) for key in values[0]}


def by_tone(values: Values, photos: Manifest) -> pd.DataFrame:
    """The measures of the network's maps for each skin tone."""
    groups = group_means_of(values, photos, seed=0)
    return groups[groups["column"] == TONE].drop(columns="column").rename(columns={"group": TONE})


if __name__ == "__main__":
    main()
