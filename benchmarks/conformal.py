"""How often sets of grades hold the true one on real test photos, and how wide they are.

    python benchmarks/conformal.py skin5_drawn --runs runs/benchmark/skin5_drawn-{0,1,2}

Of the finished runs' predictions of test photos, whose subjects served neither training nor validation, again and again
one half of the subjects calibrates the sets of each head and the other half judges them. If subjects can be exchanged,
each has one photo and no two scores are equal, then the number of covered ones follows a beta-binomial distribution
(Marques: Universal distribution of the empirical coverage in split conformal prediction, 2025, arXiv 2303.02770): its
mean, spread and 95 % interval stand beside what was found, and how many draws lie inside. Subjects with several photos
vary less than it says, and may be covered more often, by one in as many as calibrate. Deterministic sets, which
'multiskin conform' makes, always hold the mode and may cover more; randomised ones cover as often as asked.
"""

import argparse
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import betabinom
from seeds import RESULTS, commit, machine, origin, predictions, threads, units

from multiskin.conformal.coverage import coverage_of
from multiskin.conformal.quantile import conformal_quantile
from multiskin.conformal.scores import ORDERS, nonconformity
from multiskin.run import write_json
from multiskin.schema import Attribute, Schema

COVERAGES = (0.8, 0.9, 0.95)
DRAWS = 400


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", help="of the results, conformal_NAME.csv and .json")
    parser.add_argument("--runs", type=Path, nargs="+", required=True, help="finished runs of one config")
    given = parser.parse_args()
    schema = Schema.load(given.runs[0] / "schema.yaml")
    tables = [pd.DataFrame(rows_of(table, schema, seed)) for seed, table in enumerate(predictions(given.runs))]
    keys = ["attribute", "sets", "coverage"]
    table = pd.concat(tables).groupby(keys, sort=False).mean().reset_index().astype({"subjects": int})
    RESULTS.mkdir(exist_ok=True)
    table.to_csv(RESULTS / f"conformal_{given.name}.csv", index=False, float_format="%.4f")
    write_json(RESULTS / f"conformal_{given.name}.json", provenance(given.name, given.runs))
    print(table.to_string(index=False, float_format="%.3f"))


def rows_of(table: pd.DataFrame, schema: Schema, seed: int) -> Iterator[dict]:
    """A row for each head, kind of sets and coverage, of one run's predictions."""
    random = np.random.default_rng(seed)
    for attribute in schema:
        graded = table[table[attribute.true_column].notna()]
        subject = np.unique(units(graded), return_inverse=True)[1]
        halves = [random.permutation(subject.max() + 1) % 2 == 0 for _ in range(DRAWS)]  # (S,), which calibrate
        for sets, scores in scores_of(graded, attribute, random).items():
            for coverage in COVERAGES:
                found = [judge(scores, graded[attribute.true_column], subject, half, coverage) for half in halves]
                yield {"attribute": attribute.name, "sets": sets, "coverage": coverage} | summary(
                    np.array(found), halves[0], coverage
                )


def scores_of(table: pd.DataFrame, attribute: Attribute, random: np.random.Generator) -> dict[str, np.ndarray]:
    """The scores (N, K) of all grades by kind of sets."""
    probabilities = table[[f"{attribute.name}_p{grade}" for grade in range(attribute.grades)]].to_numpy()
    order = ORDERS[attribute.kind](probabilities)
    chance = random.random(len(table))
    return {
        "deterministic": nonconformity(probabilities, order),
        "randomised": nonconformity(probabilities, order, chance),
    }


def judge(
    scores: np.ndarray, grades: pd.Series, subject: np.ndarray, half: np.ndarray, coverage: float
) -> tuple[float, float, float]:
    """Coverage, size and share of full sets of the photos of the subjects that do not calibrate."""
    true, first = grades.to_numpy(int), half[subject]  # (N,)
    own = np.take_along_axis(scores, true[:, None], axis=1)[:, 0]
    threshold = conformal_quantile(own[first], subject[first], coverage)
    found = coverage_of(scores[~first] <= threshold, true[~first], subject[~first])
    return found.covered, found.size, found.full


def summary(found: np.ndarray, half: np.ndarray, coverage: float) -> dict[str, float]:
    """Of (R, 3) draws, beside what the beta-binomial distribution says of subjects with one photo each."""
    covered, size, full = found.T
    calibrating, judged = half.sum(), (~half).sum()
    rank = np.ceil(round((calibrating + 1) * coverage, 9))  # the threshold's among the calibrating ones' scores
    expected = betabinom(judged, rank, calibrating + 1 - rank)
    low, high = expected.ppf([0.025, 0.975]) / judged
    return {
        "subjects": len(half),
        "covered": covered.mean(),
        "sd": covered.std(ddof=1),
        "expected": expected.mean() / judged,
        "expected_sd": expected.std() / judged,
        "low": low,
        "high": high,
        "inside": ((low <= covered) & (covered <= high)).mean(),
        "grades": size.mean(),
        "full": full.mean(),
    }


def provenance(name: str, runs: Sequence[Path]) -> dict:
    return {
        "command": f"python benchmarks/conformal.py {name} --runs {' '.join(run.name for run in runs)}",
        "draws": f"{DRAWS} halves of the test subjects of each run, averaged over runs",
        "commit_of_runs": origin(runs[0]).get("commit"),
        "machine": machine(threads()),
        "versions": {package: version(package) for package in ("numpy", "scipy", "torch")},
        "commit": commit(),
    }


if __name__ == "__main__":
    main()
