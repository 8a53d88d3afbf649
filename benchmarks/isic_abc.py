"""Trains configs/isic_abc.yaml with several seeds and writes what the test photos say, with intervals.

    python benchmarks/isic_abc.py --root data/isic_abc --seeds 0 1 2

Finished runs are kept in --runs and are not trained again.
"""

import argparse
import json
import platform
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from multiskin.metrics import functional as of
from multiskin.schema import Attribute, Schema

CONFIG = Path("configs/isic_abc.yaml")
RESULTS = Path(__file__).parent / "results"
RESAMPLES = 2000
METRICS = {"p_recall": of.p_recall, "kappa": of.quadratic_kappa, "mae": of.mae, "macro_mae": of.macro_mae}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", default="data/isic_abc", help="where the photos are")
    parser.add_argument("--weights", default="auto", help="as model.weights")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--runs", type=Path, default=Path("runs/benchmark"), help="where the run folders go")
    options = parser.parse_args()

    runs = [train(seed, options) for seed in options.seeds]
    schema = Schema.load(runs[0] / "schema.yaml")
    table = summarise([pd.read_csv(run / "predictions_test.csv") for run in runs], schema)
    RESULTS.mkdir(exist_ok=True)
    table.to_csv(RESULTS / "isic_abc.csv", index=False, float_format="%.4f")
    (RESULTS / "isic_abc.json").write_text(json.dumps(provenance(runs, options.seeds), indent=2) + "\n")
    shutil.copy(runs[0] / "figures" / "confusion_test.png", RESULTS / "isic_abc_confusion.png")
    print(table.to_string(index=False))


def train(seed: int, options: argparse.Namespace) -> Path:
    """The run folder of one seed, trained unless it is there already with its test results."""
    run: Path = options.runs / f"isic_abc-{seed}"
    if not (run / "predictions_test.csv").is_file():
        command = [sys.executable, "-m", "multiskin", "fit", "--config", str(CONFIG), "--seed", str(seed)]
        command += ["--data.root", options.root, "--model.weights", options.weights, "--out", str(run)]
        start = time.monotonic()
        subprocess.run(command, check=True)
        (run / "seconds.txt").write_text(f"{time.monotonic() - start:.0f}\n")
        (run / "commit.txt").write_text(f"{commit()}\n")
    return run


def commit() -> str:
    """The commit that is checked out, marked if files differ from it."""
    command = ["git", "describe", "--always", "--abbrev=40", "--dirty", "--exclude=*"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def summarise(seeds: list[pd.DataFrame], schema: Schema) -> pd.DataFrame:
    """Each metric of each head and of their mean: averaged over seeds, with a 95 % interval over test photos.

    The interval is that of these trained models: test photos are resampled, all seeds and heads together. The spread
    over seeds stands beside it.
    """
    draws = np.random.default_rng(0).multinomial(len(seeds[0]), np.full(len(seeds[0]), 1 / len(seeds[0])), RESAMPLES)
    weights = np.vstack([np.ones(len(seeds[0])), draws])  # (1 + R, N), the photos as they are come first
    rows = []
    for metric, function in METRICS.items():
        values = np.stack([[_resampled(function, table, a, weights) for a in schema] for table in seeds])  # (S, H, 1+R)
        constants = [of.p_recall_constant(_confusion(seeds[0], a, weights[:1])[0]).item() for a in schema]
        for h, name in enumerate([*schema.names, "mean"]):
            head = values.mean(axis=1) if name == "mean" else values[:, h]  # (S, 1 + R)
            constant = float(np.mean(constants)) if name == "mean" else constants[h]
            low, high = np.percentile(head[:, 1:].mean(axis=0), [2.5, 97.5])
            rows.append(
                {
                    "attribute": name,
                    "metric": metric,
                    "mean": head[:, 0].mean(),
                    "low": low,
                    "high": high,
                    "sd_over_seeds": head[:, 0].std(ddof=1) if len(seeds) > 1 else float("nan"),
                    "constant_answer": constant if metric == "p_recall" else float("nan"),
                }
            )
    return pd.DataFrame(rows)


def _resampled(
    function: Callable[[torch.Tensor], torch.Tensor], table: pd.DataFrame, attribute: Attribute, weights: np.ndarray
) -> list[float]:
    return [function(matrix).item() for matrix in _confusion(table, attribute, weights)]


def _confusion(table: pd.DataFrame, attribute: Attribute, weights: np.ndarray) -> torch.Tensor:
    """One confusion matrix (K, K) for each row of weights (R, N)."""
    k, graded = attribute.grades, table[f"{attribute.name}_true"].notna().to_numpy()
    true = table.loc[graded, f"{attribute.name}_true"].to_numpy(int)
    cells = np.eye(k * k)[true * k + table.loc[graded, attribute.name].to_numpy(int)]  # (n, K * K)
    return torch.from_numpy(weights[:, graded] @ cells).reshape(-1, k, k)


def provenance(runs: list[Path], seeds: list[int]) -> dict:
    """What it takes to get the numbers again."""
    commits = {(run / "commit.txt").read_text().strip() for run in runs}
    if len(commits) > 1:
        raise SystemExit(f"the runs are of different commits, {', '.join(sorted(commits))}; train them again")
    return {
        "command": f"python benchmarks/isic_abc.py --seeds {' '.join(map(str, seeds))}",
        "config": CONFIG.read_text(),
        "seeds": seeds,
        "interval": f"95 %, {RESAMPLES} bootstrap resamples of the test photos, averaged over seeds",
        "seconds_by_seed": [int((run / "seconds.txt").read_text()) for run in runs],
        "machine": f"{platform.machine()}, threads: {torch.get_num_threads()}, no GPU"
        if not torch.cuda.is_available()
        else torch.cuda.get_device_name(),
        "versions": {name: version(name) for name in ("torch", "timm", "pytorch-lightning", "albumentations")},
        "commit": commits.pop(),
    }


if __name__ == "__main__":
    main()
