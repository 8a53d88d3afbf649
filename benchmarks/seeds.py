"""One config trained with several seeds: the runs, what their test photos say with intervals, and what it takes."""

import argparse
import json
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd
import torch
import yaml

from multiskin.metrics import functional as of
from multiskin.schema import Attribute, Schema

RESULTS = Path(__file__).parent / "results"
RESAMPLES = 2000
METRICS = {"p_recall": of.p_recall, "kappa": of.quadratic_kappa, "mae": of.mae, "macro_mae": of.macro_mae}


def parser(description: str | None) -> argparse.ArgumentParser:
    """With the options that all of these benchmarks have."""
    made = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    made.add_argument("--runs", type=Path, default=Path("runs/benchmark"), help="where the run folders go")
    return made


def train(run: Path, seed: int, arguments: Sequence[str]) -> Path:
    """The run folder of one seed, trained unless it is there already with its test results."""
    if not (run / "predictions_test.csv").is_file():
        command = [sys.executable, "-m", "multiskin", "fit", *arguments, "--seed", str(seed), "--out", str(run)]
        start = time.monotonic()
        subprocess.run(command, check=True)
        (run / "seconds.txt").write_text(f"{time.monotonic() - start:.0f}\n")
        (run / "commit.txt").write_text(f"{_commit()}\n")
    return run


def _commit() -> str:
    """The commit that is checked out, marked if files differ from it."""
    command = ["git", "describe", "--always", "--abbrev=40", "--dirty", "--exclude=*"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def write(name: str, table: pd.DataFrame, runs: Sequence[Path], command: str) -> None:
    """NAME.csv, and beside it NAME.json with what it takes to get the numbers again."""
    RESULTS.mkdir(exist_ok=True)
    table.to_csv(RESULTS / f"{name}.csv", index=False, float_format="%.4f")
    (RESULTS / f"{name}.json").write_text(json.dumps(_provenance(runs, command), indent=2) + "\n")
    print(table.to_string(index=False))


def _provenance(runs: Sequence[Path], command: str) -> dict:
    commits = {(run / "commit.txt").read_text().strip() for run in runs}
    if len(commits) > 1:
        raise SystemExit(f"the runs are of different commits, {', '.join(sorted(commits))}; train them again")
    configs = [yaml.safe_load((run / "config.yaml").read_text()) for run in runs]
    machine = f"{platform.machine()}, threads: {torch.get_num_threads()}, no GPU"
    return {
        "command": command,
        "config": _without_places(configs[0]),
        "seeds": [config["seed"] for config in configs],
        "interval": f"95 %, {RESAMPLES} bootstrap resamples of the test {_unit(runs[0])}, averaged over seeds",
        "seconds_by_seed": [int((run / "seconds.txt").read_text()) for run in runs],
        "machine": torch.cuda.get_device_name() if torch.cuda.is_available() else machine,
        "versions": {name: version(name) for name in ("torch", "timm", "pytorch-lightning", "albumentations")},
        "commit": commits.pop(),
    }


def _without_places(config: dict) -> dict:
    """The settings that decide on the numbers: not where things lie on this machine, nor the seed."""
    data = {key: value for key, value in config["data"].items() if key not in ("root", "faces")}
    model = {key: value for key, value in config["model"].items() if key != "weights"}
    rest = {key: value for key, value in config.items() if key not in ("seed", "out", "schema")}
    return rest | {"data": data, "model": model}


def _unit(run: Path) -> str:
    return "subjects" if "subject" in pd.read_csv(run / "predictions_test.csv", nrows=0) else "photos"


def predictions(runs: Sequence[Path]) -> list[pd.DataFrame]:
    """What each run says of the test photos."""
    return [pd.read_csv(run / "predictions_test.csv", dtype={"subject": str}) for run in runs]


def summarise(runs: Sequence[Path]) -> pd.DataFrame:
    """Each metric of each head and of their mean: averaged over seeds, with a 95 % interval over test subjects.

    The interval is that of these trained models: test subjects are resampled, all seeds and heads together. The spread
    over seeds stands beside it, and what the best constant answer and a second rater get.
    """
    seeds, schema = predictions(runs), Schema.load(runs[0] / "schema.yaml")
    second = json.loads((runs[0] / "metrics.json").read_text())["test"].get("second_rater", {})
    weights = resample(seeds[0])
    rows = []
    for metric, function in METRICS.items():
        values = np.stack([scores(function, table, schema, weights) for table in seeds])  # (S, H, 1 + R)
        constants = scores(of.p_recall_constant, seeds[0], schema, weights[:1])[:, 0]
        for h, name in enumerate([*schema.names, "mean"]):
            head = np.nanmean(values, axis=1) if name == "mean" else values[:, h]  # (S, 1 + R)
            constant = constants.mean() if name == "mean" else constants[h]
            rows.append(
                {"attribute": name, "metric": metric}
                | interval(head)
                | {
                    "sd_over_seeds": head[:, 0].std(ddof=1) if len(seeds) > 1 else float("nan"),
                    "constant_answer": constant if metric == "p_recall" else float("nan"),
                    "second_rater": second.get(name, {}).get(metric, float("nan")),
                }
            )
    return pd.DataFrame(rows)


def interval(values: np.ndarray) -> dict[str, float]:
    """Mean over seeds of (S, 1 + R) values, and the 95 % interval of its R resamples."""
    over_seeds = values.mean(axis=0)
    low, high = np.nanpercentile(over_seeds[1:], [2.5, 97.5])
    return {"mean": over_seeds[0], "low": low, "high": high}


def resample(table: pd.DataFrame) -> np.ndarray:
    """How often each photo counts (1 + R, N): once, and then as often as its subject is drawn, or it by itself."""
    units = pd.factorize(table["subject"])[0] if "subject" in table else np.arange(len(table))
    number = units.max() + 1
    draws = np.random.default_rng(0).multinomial(number, np.full(number, 1 / number), RESAMPLES)
    return np.vstack([np.ones(len(table)), draws[:, units]])


def scores(
    function: Callable[[torch.Tensor], torch.Tensor], table: pd.DataFrame, schema: Schema, weights: np.ndarray
) -> np.ndarray:
    """A metric of every head for each row of weights (R, N): (H, R)."""
    return np.array([[function(matrix).item() for matrix in confusions(table, a, weights)] for a in schema])


def confusions(table: pd.DataFrame, attribute: Attribute, weights: np.ndarray) -> torch.Tensor:
    """One confusion matrix for each row of weights (R, N): (R, K, K), true grade in rows."""
    k, graded = attribute.grades, table[attribute.true_column].notna().to_numpy()
    true = table.loc[graded, attribute.true_column].to_numpy(int)
    cells = np.eye(k * k)[true * k + table.loc[graded, attribute.name].to_numpy(int)]  # (n, K * K)
    return torch.from_numpy(weights[:, graded] @ cells).reshape(-1, k, k)
