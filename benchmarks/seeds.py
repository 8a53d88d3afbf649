"""Trains a config with several seeds, and summarises test metrics with intervals and their origin."""

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd
import torch
import yaml

from multiskin.cli.settings import fit_config
from multiskin.config import FitConfig
from multiskin.data.units import unit_names
from multiskin.metrics import bootstrap
from multiskin.metrics import functional as of
from multiskin.run import write_json
from multiskin.schema import Attribute, Schema

RESULTS = Path(__file__).parent / "results"
RESAMPLES = 2000
METRICS = {"p_recall": of.p_recall, "kappa": of.quadratic_kappa, "mae": of.mae, "macro_mae": of.macro_mae}
OF_CLASSES = {"balanced_accuracy": of.macro_recall, "accuracy": of.accuracy}  # for nominal attributes


def parser(description: str | None) -> argparse.ArgumentParser:
    """A parser with the options shared by all benchmarks that train runs."""
    made = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    made.add_argument("--runs", type=Path, default=Path("runs/benchmark"), help="folder for the runs")
    made.add_argument(
        "--commit", nargs="+", help="full hashes that finished runs may be from; default: the commit checked out"
    )
    return made


def train(name: str, arguments: Sequence[str], args: argparse.Namespace) -> list[Path]:
    """Trains a run for each seed; finished runs are kept and interrupted ones resumed.

    The origin of each run is recorded next to it in NAME-SEED.json: commit, arguments and threads from the start, and
    at the end its duration in seconds, null if it was interrupted.

    Args:
        name: the prefix of the run folders.
        arguments: arguments of `multiskin fit`, the same for all seeds.
        args: the options of `parser`.

    Returns:
        The run folder of each seed.

    Raises:
        SystemExit: if an existing run has another commit or other arguments.
    """
    runs = [args.runs / f"{name}-{seed}" for seed in args.seeds]
    wanted = {"commit": args.commit or [commit()], "arguments": [[*arguments]]}
    for run in filter(Path.exists, runs):
        _require(wanted, run)
    for run, seed in zip(runs, args.seeds, strict=True):
        if not run.exists() or "seconds" not in origin(run):
            _fit(run, seed, arguments, args.commit)
    return runs


def origin(run: Path) -> dict:
    """The recorded origin of a run, {} if there is none."""
    record = _record(run)
    return json.loads(record.read_text()) if record.is_file() else {}


def _record(run: Path) -> Path:
    return run.with_name(f"{run.name}.json")  # not inside, since the folder of a new run may hold only its own files


def _require(wanted: dict[str, list], run: Path) -> None:
    known = origin(run)
    for what, values in wanted.items():
        if known.get(what) not in values:
            others = " or ".join(map(str, values))
            raise SystemExit(f"{run}: {what} is {known.get(what)}, not {others}; remove this folder or see --commit")


def _fit(run: Path, seed: int, arguments: Sequence[str], finished_at: Sequence[str] | None) -> None:
    now = commit()
    if origin(run).get("commit", now) != now or (finished_at and now not in finished_at):
        raise SystemExit(f"{run}: not finished; check out the commit of --commit to train it, or leave --commit out")
    unbroken = not run.exists()
    if unbroken:
        run.parent.mkdir(parents=True, exist_ok=True)
        write_json(_record(run), {"commit": now, "arguments": [*arguments], "threads": threads()})
    command = [sys.executable, "-m", "multiskin", "fit", *arguments, "--seed", str(seed), "--out", str(run)]
    start = time.monotonic()
    subprocess.run([*command, "--ckpt_path", "last"], check=True)
    seconds = round(time.monotonic() - start) if unbroken else None
    write_json(_record(run), origin(run) | {"seconds": seconds})


def config_of(run: Path) -> FitConfig:
    """The settings that a run was trained with."""
    return fit_config("fit", "", ["--config", str(run / "config.yaml")])[0]


def threads() -> int:
    """The number of threads of a training process."""
    return int(os.environ.get("OMP_NUM_THREADS") or os.cpu_count() or 1)


def machine(threads: object) -> str:
    """A description of this machine, for results measured with these threads."""
    return (
        torch.cuda.get_device_name()
        if torch.cuda.is_available()
        else f"{platform.machine()}, threads: {threads}, no GPU"
    )


def commit() -> str:
    """The checked-out commit, with -dirty if files differ from it, except results and the README."""
    changed = _git("status", "--porcelain", "--untracked-files=no", "--", ":/", ":/!benchmarks/results", ":/!README.md")
    return _git("rev-parse", "HEAD") + ("-dirty" if changed else "")


def _git(*command: str) -> str:
    return subprocess.run(["git", *command], capture_output=True, text=True, check=True).stdout.strip()


def write(name: str, table: pd.DataFrame, runs: Sequence[Path], command: str, interval: str = "") -> None:
    """Writes NAME.csv, and NAME.json with what is needed to reproduce it.

    Args:
        name: the name of both files.
        table: the results.
        runs: the runs that they come from; the first one's settings are recorded in full.
        command: the command that produces them.
        interval: a description of the intervals; "" for that of of_subjects().
    """
    RESULTS.mkdir(exist_ok=True)
    table.to_csv(RESULTS / f"{name}.csv", index=False, float_format="%.4f")
    source = _provenance(runs, command) | {"interval": interval or of_subjects(runs[0])}
    (RESULTS / f"{name}.json").write_text(json.dumps(source, indent=2) + "\n")
    print(table.to_string(index=False))


def _provenance(runs: Sequence[Path], command: str) -> dict:
    origins = [origin(run) for run in runs]
    configs = [yaml.safe_load((run / "config.yaml").read_text()) for run in runs]
    settings = [_without_places(config) for config in configs]
    used = " or ".join(sorted({str(known["threads"]) for known in origins}))
    return {
        "command": command,
        "config": settings[0],
        "otherwise": _otherwise(settings, runs),
        "seeds": [config["seed"] for config in configs],
        "seconds_by_seed": [known["seconds"] for known in origins],
        "machine": machine(used),
        "versions": {name: version(name) for name in ("torch", "timm", "pytorch-lightning", "albumentations")},
        "commit": " and ".join(dict.fromkeys(known["commit"] for known in origins)),
        "read_at": commit(),
    }


def _without_places(config: dict) -> dict:
    """The settings that influence the results, without local paths and the seed."""
    data = {key: _without_place(value) for key, value in config["data"].items() if key not in ("root", "faces")}
    model = {key: value for key, value in config["model"].items() if key != "weights"}
    rest = {key: value for key, value in config.items() if key not in ("seed", "out", "schema")}
    return rest | {"data": data, "model": model}


def _otherwise(settings: Sequence[dict], runs: Sequence[Path]) -> list[dict]:
    """The settings of runs that differ from the first run, with runs of the same settings listed together."""
    found: dict[str, dict] = {}
    for own, run in zip(settings, runs, strict=True):
        differing = _differing(own, settings[0])
        if differing:
            found.setdefault(json.dumps(differing), {"runs": [], "settings": differing})["runs"].append(run.name)
    return list(found.values())


def _differing(own: dict, first: dict) -> dict:
    """The settings that differ from the first run's, by section; those missing from this run are None."""
    differing = {key: own.get(key) for key in first | own if own.get(key) != first.get(key)}
    for key, value in differing.items():
        if isinstance(value, dict) and isinstance(first.get(key), dict):
            differing[key] = _differing(value, first[key])
    return differing


def _without_place(value: object) -> object:
    """Only the file name of an absolute path; other values unchanged."""
    return Path(value).name if isinstance(value, str) and Path(value).is_absolute() else value


def of_subjects(run: Path) -> str:
    """A description of intervals over resamples of test subjects."""
    unit = "subjects" if "subject" in pd.read_csv(run / "predictions_test.csv", nrows=0) else "photos"
    return f"95 %, {RESAMPLES} bootstrap resamples of the test {unit}, averaged over seeds"


def predictions(runs: Sequence[Path]) -> list[pd.DataFrame]:
    """Each run's predictions of the test photos; unknown subjects are ""."""
    return [_read(run / "predictions_test.csv") for run in runs]


def _read(path: Path) -> pd.DataFrame:
    """Reads subjects as text, since "007" is not a number and "NA" not a missing value."""
    subjects = pd.read_csv(path, usecols=lambda column: column == "subject", dtype=str, keep_default_na=False)
    return pd.read_csv(path).assign(**subjects)


def summarise(runs: Sequence[Path]) -> pd.DataFrame:
    """Metrics of each head and their mean, averaged over seeds, with 95 % intervals over test subjects.

    The intervals are those of these trained models: test subjects are resampled, the same ones for all seeds and heads.
    The table also has the standard deviation over seeds and the values of the best constant answer and a second rater.
    """
    seeds, schema = predictions(runs), Schema.load(runs[0] / "schema.yaml")
    second = json.loads((runs[0] / "metrics.json").read_text())["test"].get("second_rater", {})
    weights = resample(seeds[0])
    ordinal = [attribute for attribute in schema if attribute.ordinal]
    constants = scores(of.p_recall_constant, seeds[0], ordinal, weights[:1])[:, 0]
    rows = []
    for metric, function in METRICS.items():
        values = np.stack([scores(function, table, ordinal, weights) for table in seeds])  # (S, H, 1 + R)
        heads = dict(zip([each.name for each in ordinal], values.swapaxes(0, 1), strict=True))
        for h, (name, head) in enumerate((heads | {"mean": np.nanmean(values, axis=1)}).items()):
            constant = [*constants, constants.mean()][h] if metric == "p_recall" else float("nan")
            raters = {"constant_answer": constant, "second_rater": second.get(name, {}).get(metric, float("nan"))}
            rows.append(_row(name, metric, head) | raters)
    for metric, function in OF_CLASSES.items():
        for attribute in schema:
            if not attribute.ordinal:
                head = np.concatenate([scores(function, table, [attribute], weights) for table in seeds])
                rows.append(_row(attribute.name, metric, head))
    return pd.DataFrame(rows)


def _row(name: str, metric: str, values: np.ndarray) -> dict[str, object]:
    """The table row of a head's metric (S, 1 + R)."""
    spread = values[:, 0].std(ddof=1) if len(values) > 1 else float("nan")
    return {"attribute": name, "metric": metric} | interval(values.mean(axis=0)) | {"sd_over_seeds": spread}


def interval(values: np.ndarray) -> dict[str, float]:
    """The first of (1 + R,) values, with the 95 % interval of the other, resampled ones."""
    return dict(zip(("mean", "low", "high"), bootstrap.interval(values), strict=True))


def units(table: pd.DataFrame) -> np.ndarray:
    """The number of each photo's subject (N,), or a number of its own if the subject is unknown."""
    return bootstrap.sampling_units(unit_names(table.get("subject"), table["image"]))


def resample(table: pd.DataFrame) -> np.ndarray:
    """The weight of each photo (1 + R, N): 1 in the first row, then how often its subject is drawn."""
    drawn = units(table)
    number = drawn.max() + 1
    draws = np.random.default_rng(0).multinomial(number, np.full(number, 1 / number), RESAMPLES)
    return np.vstack([np.ones(len(table)), draws[:, drawn]])


def scores(
    function: Callable[[torch.Tensor], torch.Tensor],
    table: pd.DataFrame,
    attributes: Iterable[Attribute],
    weights: np.ndarray,
) -> np.ndarray:
    """A metric of every attribute for each row of weights (R, N): (H, R)."""
    return np.array([bootstrap.metric_values(function, confusions(table, each, weights)) for each in attributes])


def confusions(table: pd.DataFrame, attribute: Attribute, weights: np.ndarray) -> torch.Tensor:
    """Confusion matrices (R, K, K), with true grades in rows, for each row of weights (R, N)."""
    k, graded = attribute.grades, table[attribute.true_column].notna().to_numpy()
    true = table.loc[graded, attribute.true_column].to_numpy(int)
    cells = np.eye(k * k)[true * k + table.loc[graded, attribute.name].to_numpy(int)]  # (n, K * K)
    return torch.from_numpy(weights[:, graded] @ cells).reshape(-1, k, k)
