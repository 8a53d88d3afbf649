"""Calibration error of finished runs on test photos, before and after calibration.

    python benchmarks/calibration.py skin5_drawn --runs runs/benchmark/skin5_drawn-{0,1,2}

Fits every calibration method to the validation photos of each run, as `multiskin calibrate` does, and reports the
ordinal calibration error on the test photos with its noise floor: the error that perfectly calibrated probabilities
would have on the same number of photos. A head counts as calibrated if its error is at most half of what it was before,
or within the noise floor. Also reports how `cumulative` changes the metrics on validation photos, where each half of
the subjects is calibrated on the other half, and how often a fit to so few photos misses the noise floor even if its
form is right.
"""

import argparse
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from pathlib import Path

import pandas as pd
from as_trained import as_trained
from recalibrated import AS_TRAINED, CALIBRATED, Fit, calibrated, graded, recalibrate
from refits import errors_of, highest_error, refits
from seeds import RESULTS, commit, machine, origin, threads

from multiskin.calibration import METHODS, GradedProbabilities
from multiskin.compare.answers import read_pair
from multiskin.compare.statistics import MEAN, compare
from multiskin.metrics.bootstrap import Interval
from multiskin.metrics.calibration import noise_floor
from multiskin.run import RunFolder, write_json
from multiskin.schema import Schema

GAINS = ("p_recall", "rps")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", help="name of the results, calibration_NAME.csv and .json")
    parser.add_argument("--runs", type=Path, nargs="+", required=True, help="finished runs of one config")
    args = parser.parse_args()
    table = pd.DataFrame([row for run in args.runs for row in calibration_rows(run)])
    table["met"] = table["error"] <= highest_error(table["before"], table["floor_high"])
    table.to_csv(RESULTS / f"calibration_{args.name}.csv", index=False, float_format="%.4f")
    origins = [origin(run) for run in args.runs]
    write_json(
        RESULTS / f"calibration_{args.name}.json",
        {
            "command": f"python benchmarks/calibration.py {args.name} --runs {' '.join(map(str, args.runs))}",
            "trained_at": [each.get("commit") for each in origins],
            "gains": gains(args.runs),
            "machine": machine(threads()),
            "versions": {name: version(name) for name in ("torch", "numpy", "scipy")},
            "commit": commit(),
        },
    )
    print(table.groupby(["attribute", "method"], sort=False).mean(numeric_only=True).to_string(float_format="%.3f"))


def calibration_rows(run: Path) -> Iterator[dict[str, object]]:
    """One row per ordinal head and method of a run; the method of the configs is refitted, too."""
    fit, (val, test) = Fit.of_run(run), (graded(as_trained(run, side)) for side in ("val", "test"))
    before = errors_of(test, fit.schema)
    for method in (AS_TRAINED, *METHODS):
        after = test._replace(probabilities=calibrated(test.probabilities, fit.schema, fit(method, val)))
        errors, floors = errors_of(after, fit.schema), noise_floors(after, fit.schema)
        again = refits(fit, method, val, test, floors) if method == CALIBRATED else None
        for h, attribute in enumerate(fit.schema):
            if attribute.ordinal:
                yield {
                    "attribute": attribute.name,
                    "method": method,
                    "run": run.name,
                    "before": before[h],
                    "error": errors[h],
                    "floor": floors[h].value,
                    "floor_high": floors[h].high,
                } | ({"refit_high": again.high[h], "refit_missed": again.missed[h]} if again else {})


def noise_floors(photos: GradedProbabilities, schema: Schema) -> list[Interval]:
    """That of each head on the photos graded for it."""
    return [noise_floor(photos.of_head(h, attribute.grades)[0]) for h, attribute in enumerate(schema)]


def gains(runs: Sequence[Path]) -> dict[str, list[float]]:
    """For each metric, the change of the mean over heads on validation photos, with the method's 95 % interval."""
    after, before = (
        [RunFolder(folder).predictions("val") for folder in recalibrate(runs, method)]
        for method in (CALIBRATED, AS_TRAINED)
    )
    schema = Schema.load(RunFolder(runs[0]).schema)
    table = compare([read_pair(attribute, after, before) for attribute in schema])
    means = table[table["attribute"] == MEAN].set_index("metric")[["difference", "method_low", "method_high"]]
    return dict(zip(GAINS, means.loc[list(GAINS)].to_numpy().tolist(), strict=True))


if __name__ == "__main__":
    main()
