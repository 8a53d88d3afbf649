"""Trains the five heads of facial skin with several seeds, on drawn skin or on photographed faces that are drawn on.

    python benchmarks/skin5.py rendered                          # what 'multiskin fit' does when it is told nothing
    python benchmarks/skin5.py london --faces data/london_faces

Writes what the test photos say, with intervals: by head, beside the best constant answer and a second rater; by skin
tone; and what models on mean colours and on thumbnails get on the same photos. Finished runs are kept in --runs.
"""

import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import yaml
from seeds import RESULTS, interval, parser, predictions, resample, scores, summarise, train, write
from trivial import compare

from multiskin.config import RenderConfig
from multiskin.data.render.cache import rendered
from multiskin.data.render.faces import load_faces
from multiskin.metrics import functional as of
from multiskin.schema import Schema

CONFIGS = {"rendered": [], "london": ["--config", "configs/skin5_london.yaml"]}


def main() -> None:
    options = parser(__doc__)
    options.add_argument("ground", choices=CONFIGS)
    options.add_argument("--faces", help="as data.faces")
    options.add_argument("--weights", help="as model.weights; default: as the config says")
    given = options.parse_args()

    arguments = [*CONFIGS[given.ground]]
    arguments += ["--data.faces", given.faces] if given.faces else []
    arguments += ["--model.weights", given.weights] if given.weights else []
    runs = [train(given.runs / f"skin5_{given.ground}-{seed}", seed, arguments) for seed in given.seeds]
    name = f"skin5_{given.ground}"
    command = f"python benchmarks/skin5.py {given.ground} --seeds {' '.join(map(str, given.seeds))}"
    write(name, summarise(runs), runs, command)
    write(f"{name}_tones", by_tone(runs), runs, command)
    write(f"{name}_trivial", compare(drawn_photos(runs[0]), Schema.load(runs[0] / "schema.yaml")), runs, command)
    shutil.copy(runs[0] / "figures" / "confusion_test.png", RESULTS / f"{name}_confusion.png")


def by_tone(runs: Sequence[Path]) -> pd.DataFrame:
    """P-Recall averaged over heads for each skin tone, and how far the worst one lies below all photos together."""
    seeds, schema = predictions(runs), Schema.load(runs[0] / "schema.yaml")
    weights, tones = resample(seeds[0]), seeds[0]["tone"].to_numpy()
    of_tone = {tone: tones == tone for tone in sorted(set(tones))}
    everyone = _mean_p_recall(seeds, schema, weights)
    values = {tone: _mean_p_recall(seeds, schema, weights * mask) for tone, mask in of_tone.items()}
    rows = [{"tone": tone, "photos": of_tone[tone].sum()} | interval(value) for tone, value in values.items()]
    worst = min(values, key=lambda tone: values[tone][:, 0].mean())
    gap = {"tone": f"{worst} below all", "photos": len(tones)} | interval(everyone - values[worst])
    return pd.DataFrame([*rows, {"tone": "all", "photos": len(tones)} | interval(everyone), gap])


def _mean_p_recall(seeds: Sequence[pd.DataFrame], schema: Schema, weights: np.ndarray) -> np.ndarray:
    """Averaged over heads, for each seed and each row of weights (1 + R, N): (S, 1 + R)."""
    return np.stack([np.nanmean(scores(of.p_recall, table, schema, weights), axis=0) for table in seeds])


def drawn_photos(run: Path) -> Path:
    """The folder of the photos that a run learned from."""
    data = yaml.safe_load((run / "config.yaml").read_text())["data"]
    return rendered(RenderConfig(**data["render"]), load_faces(Path(data["faces"])) if data["faces"] else ())


if __name__ == "__main__":
    main()
