"""Calibration error of finished runs on test photos, before and after calibration.

    python benchmarks/calibration.py skin5_drawn --runs runs/benchmark/skin5_drawn-{0,1,2}

Fits every calibration method to the validation photos of each run, as `multiskin calibrate` does, and reports the
ordinal calibration error on the test photos with its noise floor: the error that perfectly calibrated probabilities
would have on the same number of photos. A head counts as calibrated if its error is at most half of what it was before,
or within the noise floor. Also reports how `cumulative` changes the metrics on validation photos, where each half of
the subjects is calibrated on the other half.
"""

import argparse
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from as_trained import as_trained
from recalibrated import AS_TRAINED, CALIBRATED, recalibrate
from seeds import RESULTS, commit, machine, origin, threads

from multiskin.calibration import METHODS, GradedProbabilities, fit_calibrators
from multiskin.compare.answers import read_pair
from multiskin.compare.statistics import MEAN, compare
from multiskin.inference.calibrate import drawn_shares
from multiskin.inference.predictor import Predictor
from multiskin.metrics.calibration import calibration_error, noise_floor
from multiskin.models.blueprint import Blueprint
from multiskin.models.checkpoint import read_checkpoint
from multiskin.run import RunFolder, write_json
from multiskin.schema import MISSING

GAINS = ("p_recall", "rps")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", help="name of the results, calibration_NAME.csv and .json")
    parser.add_argument("--runs", type=Path, nargs="+", required=True, help="finished runs of one config")
    args = parser.parse_args()
    table = pd.DataFrame([row for run in args.runs for row in calibration_rows(run)])
    table["met"] = (table["error"] <= table["before"] / 2) | (table["error"] <= table["floor_high"])
    table.to_csv(RESULTS / f"calibration_{args.name}.csv", index=False, float_format="%.4f")
    origins = [origin(run) for run in args.runs]
    shell = " ".join(str(run) for run in args.runs)
    write_json(
        RESULTS / f"calibration_{args.name}.json",
        {
            "command": f"python benchmarks/calibration.py {args.name} --runs {shell}",
            "trained_at": [each.get("commit") for each in origins],
            "gains": gains(args.runs),
            "machine": machine(threads()),
            "versions": {name: version(name) for name in ("torch", "numpy", "scipy")},
            "commit": commit(),
        },
    )
    print(table.groupby(["attribute", "method"], sort=False).mean(numeric_only=True).to_string(float_format="%.3f"))


def calibration_rows(run: Path) -> Iterator[dict[str, object]]:
    """One row per ordinal head and method of a run."""
    folder = RunFolder.open(run)
    predictor = Predictor.from_checkpoint(folder.best, "cpu")
    blueprint = Blueprint.from_dict(read_checkpoint(folder.best)["blueprint"])
    val, test = (as_trained(run, side) for side in ("val", "test"))
    drawn = drawn_shares(predictor.net, blueprint)
    before: dict[str, float] = {}
    for method in (AS_TRAINED, *METHODS):
        methods = {} if method == AS_TRAINED else dict.fromkeys(predictor.schema.names, method)
        graded = GradedProbabilities(val.probabilities, val.grades, val.units)
        fitted = fit_calibrators(predictor.schema, methods, graded, drawn, blueprint.counts)
        for h, attribute in enumerate(predictor.schema):
            if attribute.ordinal:
                graded = test.grades[:, h] != MISSING
                own = test.probabilities[graded, h, : attribute.grades]
                if method != AS_TRAINED:
                    own = fitted[attribute.name](torch.from_numpy(own)).numpy()
                error = calibration_error(own, test.grades[graded, h])
                before.setdefault(attribute.name, error)
                yield {
                    "attribute": attribute.name,
                    "method": method,
                    "run": run.name,
                    "before": before[attribute.name],
                    "error": error,
                } | noise_floor_columns(own)


def gains(runs: Sequence[Path]) -> dict[str, list[float]]:
    """For each metric, the change of the mean over heads on validation photos, with the method's 95 % interval."""
    after, before = (
        [RunFolder(folder).predictions("val") for folder in recalibrate(runs, method)]
        for method in (CALIBRATED, AS_TRAINED)
    )
    schema = Predictor.from_checkpoint(RunFolder.open(runs[0]).best, "cpu").schema
    table = compare([read_pair(attribute, after, before) for attribute in schema])
    means = table[table["attribute"] == MEAN].set_index("metric")[["difference", "method_low", "method_high"]]
    return dict(zip(GAINS, means.loc[list(GAINS)].to_numpy().tolist(), strict=True))


def noise_floor_columns(probabilities: np.ndarray) -> dict[str, float]:
    floor = noise_floor(probabilities)
    return {"floor": floor.value, "floor_high": floor.high}


if __name__ == "__main__":
    main()
