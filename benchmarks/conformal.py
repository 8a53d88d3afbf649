"""Coverage and size of conformal prediction sets on real test photos.

    python benchmarks/conformal.py skin5_drawn --runs runs/benchmark/skin5_drawn-{0,1,2}

Splits the test subjects of finished runs, which served neither training nor validation, into random halves many times:
one half calibrates the sets of each head, the other half evaluates them. If subjects are exchangeable, each has one
photo and no two scores are equal, then the number of covered subjects follows a beta-binomial distribution (Marques:
Universal distribution of the empirical coverage in split conformal prediction, 2025, arXiv 2303.02770). Its mean,
standard deviation and 95 % interval are reported next to the observed ones, with the share of splits whose coverage
lies inside the interval. With several photos per subject, coverage varies less than that and may be higher by up to
1 / n for n calibration subjects.

Three kinds of sets are compared. Deterministic sets, which 'multiskin conform' makes, always contain the mode and round
the number of subjects up, so they may cover more than the target. Randomised sets, in both the scores and that number,
have exactly the target coverage in expectation. Given sets are the deterministic ones with the decided grade added,
which is what users get.
"""

import argparse
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.stats import betabinom
from seeds import RESULTS, commit, machine, origin, predictions, threads, units

from multiskin.conformal.coverage import coverage_of
from multiskin.conformal.prediction import ConformalSets
from multiskin.conformal.quantile import conformal_quantile
from multiskin.conformal.scores import ORDERS, nonconformity
from multiskin.run import write_json
from multiskin.schema import Attribute, Schema

Sets = Callable[[np.ndarray, float], np.ndarray]  # the sets (n, K) of the photos outside the calibration mask (N,)
COVERAGES = (0.8, 0.9, 0.95)
DRAWS = 400


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", help="name of the results, conformal_NAME.csv and .json")
    parser.add_argument("--runs", type=Path, nargs="+", required=True, help="finished runs of one config")
    parser.add_argument("--commit", help="commit of runs without a record of it, such as those of a comparison")
    args = parser.parse_args()
    source = provenance(args.name, args.runs, args.commit)
    schema = Schema.load(args.runs[0] / "schema.yaml")
    tables = [pd.DataFrame(coverage_rows(table, schema, seed)) for seed, table in enumerate(predictions(args.runs))]
    keys = ["attribute", "sets", "coverage"]
    table = pd.concat(tables).groupby(keys, sort=False).mean().reset_index().astype({"subjects": int})
    RESULTS.mkdir(exist_ok=True)
    table.to_csv(RESULTS / f"conformal_{args.name}.csv", index=False, float_format="%.4f")
    write_json(RESULTS / f"conformal_{args.name}.json", source)
    print(table.to_string(index=False, float_format="%.3f"))


class Photos(NamedTuple):
    """The N photos that are graded for one head.

    Attributes:
        probabilities: (N, K).
        true: (N,) true grades.
        decided: (N,) predicted grades.
        subject: (N,) the number of each photo's subject, from 0.
    """

    probabilities: np.ndarray
    true: np.ndarray
    decided: np.ndarray
    subject: np.ndarray

    @classmethod
    def of(cls, table: pd.DataFrame, attribute: Attribute) -> "Photos":
        """The graded photos in a run's table of predictions."""
        graded = table[table[attribute.true_column].notna()]
        probabilities = graded[[f"{attribute.name}_p{grade}" for grade in range(attribute.grades)]].to_numpy()
        true, decided = (graded[column].to_numpy(int) for column in (attribute.true_column, attribute.name))
        return cls(probabilities, true, decided, np.unique(units(graded), return_inverse=True)[1])


def coverage_rows(table: pd.DataFrame, schema: Schema, seed: int) -> Iterator[dict]:
    """One row per head, kind of sets and target coverage, from one run's predictions."""
    random = np.random.default_rng(seed)
    for attribute in schema:
        photos = Photos.of(table, attribute)
        halves = [random.permutation(photos.subject.max() + 1) % 2 == 0 for _ in range(DRAWS)]  # (S,), True: calibrates
        for sets, make_sets in set_makers(photos, attribute, random).items():
            for coverage in COVERAGES:
                found = [evaluate_split(make_sets, photos, half[photos.subject], coverage) for half in halves]
                yield {"attribute": attribute.name, "sets": sets, "coverage": coverage} | summary(
                    np.array(found), halves[0], coverage
                )


def set_makers(photos: Photos, attribute: Attribute, random: np.random.Generator) -> dict[str, Sets]:
    """The function that makes each kind of sets."""
    order, chance = ORDERS[attribute.kind](photos.probabilities), random.random(len(photos.true))
    return {
        "deterministic": partial(within, nonconformity(photos.probabilities, order), photos),
        "randomised": partial(randomised, nonconformity(photos.probabilities, order, chance), photos, random),
        "given": partial(given, photos, attribute),
    }


def within(scores: np.ndarray, photos: Photos, first: np.ndarray, coverage: float) -> np.ndarray:
    """The grades whose scores, from (N, K), do not exceed the quantile of the calibration photos' true scores."""
    own = np.take_along_axis(scores, photos.true[:, None], axis=1)[:, 0]
    return scores[~first] <= conformal_quantile(own[first], photos.subject[first], coverage)


def randomised(
    scores: np.ndarray, photos: Photos, random: np.random.Generator, first: np.ndarray, coverage: float
) -> np.ndarray:
    """Like `within`, with the rank of the quantile randomised so that the coverage is exact in expectation.

    Source: smoothed conformal predictors; Vovk, Gammerman and Shafer: Algorithmic Learning in a Random World, 2005.
    """
    next_one = 1 / (len(np.unique(photos.subject[first])) + 1)
    return within(scores, photos, first, coverage - random.random() * next_one)


def given(photos: Photos, attribute: Attribute, first: np.ndarray, coverage: float) -> np.ndarray:
    """The sets of a model that was calibrated by 'multiskin conform'; they contain the decided grades."""
    probabilities, true = photos.probabilities[:, None], photos.true[:, None]  # of one head
    model = ConformalSets.fit(Schema((attribute,)), probabilities[first], true[first], photos.subject[first], coverage)
    return model.sets_with(photos.decided[~first, None], probabilities[~first])[:, 0]


def evaluate_split(make_sets: Sets, photos: Photos, first: np.ndarray, coverage: float) -> tuple[float, float, float]:
    """Coverage, size and share of full sets for the subjects that are not used for calibration."""
    found = coverage_of(make_sets(first, coverage), photos.true[~first], photos.subject[~first])
    return found.covered, found.size, found.full


def summary(found: np.ndarray, half: np.ndarray, coverage: float) -> dict[str, float]:
    """Means over R splits (R, 3), next to the beta-binomial distribution for subjects with one photo each."""
    covered, size, full = found.T
    calibrating, judged = half.sum(), (~half).sum()
    rank = np.ceil(round((calibrating + 1) * coverage, 9))  # of the threshold among the calibration scores
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


def trained_at(run: Path, commit: str | None) -> str:
    """The commit in the run's record of origin, or else the given one.

    Raises:
        SystemExit: if there is neither.
    """
    known = origin(run).get("commit", commit)
    if known is None:
        raise SystemExit(f"{run}: no {run.name}.json next to it records its commit; give the commit with --commit")
    return known


def provenance(name: str, runs: Sequence[Path], trained: str | None) -> dict:
    """What is needed to reproduce the numbers; `trained` is the commit of runs without a record of their origin."""
    at = f" --commit {trained}" if trained else ""
    return {
        "command": f"python benchmarks/conformal.py {name} --runs {' '.join(map(str, runs))}{at}",
        "draws": f"{DRAWS} halves of the test subjects of each run, averaged over runs",
        "trained_at": [trained_at(run, trained) for run in runs],
        "machine": machine(threads()),
        "versions": {package: version(package) for package in ("numpy", "scipy", "torch")},
        "commit": commit(),
    }


if __name__ == "__main__":
    main()
