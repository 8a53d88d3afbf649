"""Evaluates 'multiskin suspects' on labels that were replaced at random.

    python benchmarks/suspects.py --root data/ham10000_small --plantings 0 1 2

In a copy of the table, 8 % of the labels of training and validation photos are replaced by another class, chosen
uniformly, and 'multiskin suspects' is run on it. Labels that were already wrong count as correct, so the precision is
underestimated. Finished runs in --runs are not trained again.
"""

import argparse
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd
from seeds import RESAMPLES, RESULTS, commit, machine, threads

from multiskin.data.units import unit_names
from multiskin.metrics.bootstrap import interval, sampling_units
from multiskin.run import write_json

CONFIG = "configs/ham10000.yaml"
IMAGE, LABEL, SUBJECT, SPLIT = "image", "dx", "lesion_id", "split"  # columns of the table
SHARE = 0.08  # share of labels to replace
FIRST = 0.2  # share of the list to evaluate


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=Path, default=Path("data/ham10000_small"), help="folder of the photos")
    parser.add_argument("--weights", default="auto", help="value of model.weights; default: auto")
    parser.add_argument("--plantings", type=int, nargs="+", default=[0, 1, 2], help="seeds of the replaced labels")
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--runs", type=Path, default=Path("runs/benchmark/suspects"), help="folder for the searches")
    args = parser.parse_args()
    lists = [search(args, seed) for seed in args.plantings]
    found = {name: interval(values) for name, values in resampled(lists).items()}
    for name, each in found.items():
        print(f"{name:<16} {each.value:.3f} ({each.low:.3f} to {each.high:.3f})")
    write_json(
        RESULTS / "suspects.json",
        {name: [round(value, 4) for value in each] for name, each in found.items()}
        | {"by_planting": [{name: round(value, 4) for name, value in measure(ranked).items()} for ranked in lists]}
        | provenance(args),
    )


def replace_labels(table: pd.DataFrame, seed: int) -> pd.DataFrame:
    """The table with labels of its training and validation photos replaced."""
    random = np.random.default_rng(seed)
    classes, label = np.unique(table[LABEL], return_inverse=True)
    learned_from = np.flatnonzero(table[SPLIT] != "test")
    replaced = random.choice(learned_from, round(SHARE * len(learned_from)), replace=False)
    label[replaced] = (label[replaced] + random.integers(1, len(classes), len(replaced))) % len(classes)
    return table.assign(**{LABEL: classes[label]})


def search(args: argparse.Namespace, seed: int) -> pd.DataFrame:
    """The ranked list of suspects, with a column for whether each label was replaced."""
    right = pd.read_csv(args.root / "labels.csv", dtype=str, keep_default_na=False)
    planted, out = args.runs / f"planted-{seed}.csv", args.runs / str(seed)
    args.runs.mkdir(parents=True, exist_ok=True)
    replace_labels(right, seed).to_csv(planted, index=False)
    command = [sys.executable, "-m", "multiskin", "suspects", "--config", CONFIG, "--data.root", str(args.root)]
    command += ["--data.manifest", str(planted.resolve()), "--model.weights", args.weights]
    subprocess.run([*command, "--folds", str(args.folds), "--out", str(out)], check=True)
    ranked = pd.read_csv(out / "suspects.csv", dtype={IMAGE: str, "given": str, "subject": str}, keep_default_na=False)
    truth = right.set_index(IMAGE)[LABEL]
    return ranked.assign(planted=ranked["given"] != ranked[IMAGE].map(truth))


def measure(ranked: pd.DataFrame, weights: np.ndarray | None = None) -> dict[str, float]:
    """Recall and precision of the first part of the list and of its recommendations, with weights (N,) of labels."""
    count = np.ones(len(ranked)) if weights is None else weights
    planted, yes = ranked["planted"].to_numpy(), (ranked["exclude"] == "yes").to_numpy()
    first = np.cumsum(count) <= FIRST * count.sum()
    return {
        "recall_first": float(count[first & planted].sum() / count[planted].sum()),
        "precision_first": float(count[first & planted].sum() / count[first].sum()),
        "recall_yes": float(count[yes & planted].sum() / count[planted].sum()),
        "precision_yes": float(count[yes & planted].sum() / count[yes].sum()) if count[yes].sum() else np.nan,
        "share_yes": float(count[yes].sum() / count.sum()),
    }


def resampled(lists: list[pd.DataFrame]) -> dict[str, np.ndarray]:
    """Each measure averaged over plantings, (1 + R,): as observed, then with plantings and subjects resampled.

    All photos of a subject are drawn together. Resamples keep the order of the list.
    """
    random = np.random.default_rng(0)
    rows = [pd.DataFrame([measure(ranked) for ranked in lists]).mean()]
    for _ in range(RESAMPLES):
        drawn = [lists[number] for number in random.integers(len(lists), size=len(lists))]
        rows.append(pd.DataFrame([measure(ranked, resampled_weights(ranked, random)) for ranked in drawn]).mean())
    return {str(name): values.to_numpy() for name, values in pd.DataFrame(rows).items()}


def resampled_weights(ranked: pd.DataFrame, random: np.random.Generator) -> np.ndarray:
    """How often each label counts in a resample of subjects."""
    units = sampling_units(unit_names(ranked["subject"], ranked["image"]))
    number = units.max() + 1
    return random.multinomial(number, np.full(number, 1 / number))[units].astype(float)


def provenance(args: argparse.Namespace) -> dict[str, object]:
    return {
        "command": f"python benchmarks/suspects.py --plantings {' '.join(map(str, args.plantings))}",
        "config": CONFIG,
        "folds": args.folds,
        "replaced": SHARE,
        "first": FIRST,
        "plantings": args.plantings,
        "interval": f"95 %, {RESAMPLES} bootstrap resamples of plantings and, in each, of the subjects",
        "machine": machine(threads()),
        "versions": {name: version(name) for name in ("torch", "timm", "pytorch-lightning", "albumentations")},
        "commit": commit(),
    }


if __name__ == "__main__":
    main()
