"""Which shares of the grades to calibrate to: those of the photos, those of training, or an estimate from both.

    python benchmarks/natural_shares.py isic_abc --root data/isic_abc
    python benchmarks/natural_shares.py skin5

Divides the training and validation photos by subject again and again: 70 % train heads on features of a frozen
backbone, 12 % calibrate them, the others judge. They calibrate and judge as they are, as the population that was
trained on, or thinned, as another one in which some grades are rarer. Test photos are not used. The settings of the
heads are those that heads.py chose. Features are kept in --runs.
"""

import argparse
import json
from collections.abc import Iterator
from importlib.metadata import version
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from frozen import frozen
from heads import CONFIGS
from probes import Graded, Probes, Setting, create_heads, train_probes
from recalibrated import CALIBRATED
from seeds import RESULTS, commit, machine, threads

from multiskin.calibration import fit_calibrator, natural_shares
from multiskin.compare.statistics import MEAN
from multiskin.metrics.calibration import calibration_error, log_loss, noise_floor
from multiskin.metrics.functional import ranked_probability_score
from multiskin.run import write_json
from multiskin.schema import Attribute

LOSS = "cross_entropy"
PARTS = (0.7, 0.82)  # shares of the subjects where training ends, and where calibration does
RARER = 0.7  # standard deviation of the log of how much rarer a grade is in another population
SHARES = {
    "of the photos": lambda grades, counts, _: np.bincount(grades, minlength=len(counts)) / len(grades),
    "of training": lambda _, counts, __: counts / counts.sum(),
    "estimated": natural_shares,
}
USUAL = next(iter(SHARES))
AS_TRAINED = "as trained"
POPULATIONS = ("same", "other")
SCORES = ["error", "within", "log_loss", "rps"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", choices=CONFIGS)
    parser.add_argument("--root", help="folder of the photos; without it, those of skin5 are rendered")
    parser.add_argument("--weights", default="auto", help="value of model.weights; default: auto")
    parser.add_argument("--divisions", type=int, default=100)
    parser.add_argument("--runs", type=Path, default=Path("runs/heads"), help="folder to cache features in")
    args = parser.parse_args()
    data = frozen(["--config", CONFIGS[args.data], "--model.weights", args.weights], args.root, args.runs)
    heads = json.loads((RESULTS / f"heads_{args.data}.json").read_text())["setting"][LOSS]
    rows = []
    for h, attribute in enumerate(data.schema):
        photos = pooled(*(Graded.of(data.sides[side], h).known() for side in ("train", "val")))
        setting = Setting(**heads[attribute.name])
        for division, population in product(range(args.divisions), POPULATIONS):
            where = {"attribute": attribute.name, "division": division, "population": population}
            rows += [where | row for row in judged(photos, attribute, setting, division, population)]
    table = averaged(pd.DataFrame(rows))
    table.to_csv(RESULTS / f"natural_shares_{args.data}.csv", index=False, float_format="%.5f")
    root = " --root data/isic_abc" if args.root else ""
    write_json(
        RESULTS / f"natural_shares_{args.data}.json",
        {
            "command": f"python benchmarks/natural_shares.py {args.data}{root} --divisions {args.divisions}",
            "divisions": args.divisions,
            "machine": machine(threads()),
            "versions": {name: version(name) for name in ("torch", "timm", "numpy", "scipy")},
            "commit": commit(),
        },
    )
    print(table[table["attribute"] == MEAN].to_string(index=False, float_format="%.4f"))


def pooled(one: Graded, other: Graded) -> Graded:
    """The photos of both; no subject is in both."""
    units = np.r_[one.units, other.units + one.units.max() + 1]
    return Graded(torch.cat([one.features, other.features]), torch.cat([one.grades, other.grades]), units)


def judged(
    photos: Graded, attribute: Attribute, setting: Setting, division: int, population: str
) -> Iterator[dict[str, object]]:
    """For each choice of shares, what its calibration is worth on the photos that judge."""
    part = divided(photos, attribute.grades, division, population)
    train, calibrate, judge = (
        Graded(photos.features[part == p], photos.grades[part == p], photos.units[part == p]) for p in range(3)
    )
    counts = np.bincount(train.grades, minlength=attribute.grades)
    probes = trained(train, attribute, counts, setting)
    before, raw = (probes.probabilities(side.features)[0] for side in (calibrate, judge))
    yield {"shares": AS_TRAINED, **scores(raw, judge.grades)}
    for name, shares_of in SHARES.items():
        natural = shares_of(calibrate.grades.numpy(), counts, calibrate.units)
        fitted = fit_calibrator(CALIBRATED, before.numpy(), calibrate.grades.numpy(), counts / counts.sum(), natural)
        yield {"shares": name, **scores(fitted(raw), judge.grades)}


def divided(photos: Graded, k: int, division: int, population: str) -> np.ndarray:
    """The part of each photo (N,): 0 trains, 1 calibrates, 2 judges, -1 is left out of another population."""
    random = np.random.default_rng(division)
    part = np.digitize(random.random(photos.units.max() + 1), PARTS)[photos.units]
    if population == "same":
        return part
    rarity = np.exp(random.normal(0, RARER, k))
    found = random.random(len(part)) < (rarity / rarity.max())[photos.grades]
    return np.where((part == 0) | found, part, -1)


def trained(photos: Graded, attribute: Attribute, counts: np.ndarray, setting: Setting) -> Probes:
    """A head trained with these settings."""
    probes = Probes(create_heads(LOSS, attribute, photos.features.shape[1], counts, [0]))
    steps = train_probes(probes, photos, torch.ones(1, len(photos.grades)), setting.rate, setting.decay)
    next(taken for taken in steps if taken == setting.steps)
    return probes


def scores(probabilities: torch.Tensor, grades: torch.Tensor) -> dict[str, float]:
    """The calibration error, whether it is within the noise floor, log loss and RPS."""
    found, true = probabilities.numpy(), grades.numpy()
    error = calibration_error(found, true)
    return {
        "error": error,
        "within": float(error <= noise_floor(found, draws=100).high),
        "log_loss": log_loss(found, true),
        "rps": ranked_probability_score(probabilities, grades).mean().item(),
    }


def averaged(rows: pd.DataFrame) -> pd.DataFrame:
    """The scores averaged over divisions, for each attribute and for the mean over attributes of each division.

    The column better is the share of the divisions with a lower RPS than calibrated to the shares of the photos.
    """
    by = ["population", "shares", "attribute", "division"]
    means = rows.groupby(["population", "shares", "division"], sort=False)[SCORES].mean().reset_index()
    every = pd.concat([rows, means.assign(attribute=MEAN)]).set_index(by)[SCORES]
    found = every.reset_index("shares")
    usual = found.loc[found["shares"] == USUAL, "rps"]
    found["better"] = (found["rps"] < usual.reindex(found.index)).astype(float)
    return found.reset_index().groupby(by[:3], sort=False)[[*SCORES, "better"]].mean().reset_index()


if __name__ == "__main__":
    main()
