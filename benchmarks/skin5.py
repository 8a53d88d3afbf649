"""Trains the five facial-skin heads with several seeds, on rendered skin or on real faces with rendered conditions.

    python benchmarks/skin5.py rendered                          # the default of 'multiskin fit'
    python benchmarks/skin5.py drawn                             # larger photos, published weights
    python benchmarks/skin5.py london --faces data/london_faces

Writes test metrics with intervals: by head, with the best constant answer and a second rater; by skin tone; and of
models on mean colours and on thumbnails of the same photos. Finished runs are kept in --runs.
"""

import argparse
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import torch
import yaml
from seeds import RESULTS, interval, parser, predictions, resample, scores, summarise, train, units, write
from trivial import compare

from multiskin.data.render.tones import TONES
from multiskin.metrics import functional as of
from multiskin.schema import Schema

CONFIGS = {
    "rendered": [],
    "drawn": ["--config", "configs/skin5_drawn.yaml"],
    "london": ["--config", "configs/skin5_london.yaml"],
}
ENOUGH = 5  # subjects of a tone, at least, for an interval


def main() -> None:
    args = options(__doc__).parse_args()
    runs, command, name = trained(args), published(args, "skin5"), f"skin5_{args.ground}"
    write(name, summarise(runs), runs, command)
    write(f"{name}_tones", by_tone(runs), runs, command)
    write(f"{name}_trivial", compare(drawn_photos(runs[0]), Schema.load(runs[0] / "schema.yaml")), runs, command)
    shutil.copy(runs[0] / "figures" / "confusion_test.png", RESULTS / f"{name}_confusion.png")


def options(description: str | None) -> argparse.ArgumentParser:
    """A parser with the options shared by the benchmarks on these photos."""
    made = parser(description)
    made.add_argument("ground", choices=CONFIGS)
    made.add_argument("--faces", help="value of data.faces")
    made.add_argument("--weights", help="value of model.weights; default: that of the config")
    return made


def trained(args: argparse.Namespace) -> list[Path]:
    """The run of each seed."""
    arguments = [*CONFIGS[args.ground]]
    arguments += ["--data.faces", args.faces] if args.faces else []
    arguments += ["--model.weights", args.weights] if args.weights else []
    return train(f"skin5_{args.ground}", arguments, args)


def published(args: argparse.Namespace, script: str) -> str:
    """The command with the paths that the documentation uses."""
    words = [f"python benchmarks/{script}.py", args.ground]
    words += ["--faces data/london_faces"] if args.faces else []
    words += [f"--weights {args.weights if args.weights in ('auto', 'none') else 'auto'}"] if args.weights else []
    return " ".join([*words, "--seeds", *map(str, args.seeds)])


def by_tone(runs: Sequence[Path]) -> pd.DataFrame:
    """Mean P-Recall over heads for each skin tone, and the gap between all photos and the worst tone.

    The worst tone is determined in each resample, among tones with at least ENOUGH subjects.
    """
    seeds, schema = predictions(runs), Schema.load(runs[0] / "schema.yaml")
    weights, subject = resample(seeds[0]), units(seeds[0])
    everyone, worst, rows = _mean_p_recall(seeds, schema, weights), np.full(len(weights), np.nan), []
    for tone in TONES:
        of_tone = (seeds[0]["tone"] == tone).to_numpy()
        values, subjects = _mean_p_recall(seeds, schema, weights * of_tone), len(set(subject[of_tone]))
        known = values if subjects >= ENOUGH else values[:1]
        worst = np.fmin(worst, values) if subjects >= ENOUGH else worst
        rows.append({"tone": tone, "photos": of_tone.sum(), "subjects": subjects} | interval(known))
    size = {"photos": len(subject), "subjects": len(set(subject))}
    rows.append({"tone": "all"} | size | interval(everyone))
    rows.append({"tone": "worst below all"} | size | interval(everyone - worst))
    return pd.DataFrame(rows)


def _mean_p_recall(seeds: Sequence[pd.DataFrame], schema: Schema, weights: np.ndarray) -> np.ndarray:
    """Mean over heads and seeds (1 + R,) for each row of weights (1 + R, N), NaN where all weights are 0."""
    by_seed = [torch.from_numpy(scores(of.p_recall, table, schema, weights)).nanmean(0) for table in seeds]
    return torch.stack(by_seed).mean(0).numpy()


def drawn_photos(run: Path) -> Path:
    """The folder of the photos that a run was trained on."""
    return Path(yaml.safe_load((run / "config.yaml").read_text())["data"]["root"])


if __name__ == "__main__":
    main()
