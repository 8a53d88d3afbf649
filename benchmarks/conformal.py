"""How often sets of grades hold the true one on real test photos, and how wide they are.

    python benchmarks/conformal.py skin5_drawn --runs runs/benchmark/skin5_drawn-{0,1,2}

Of the finished runs' predictions of test photos, whose subjects served neither training nor validation, again and again
one half of the subjects calibrates the sets of each head and the other half judges them. If subjects can be exchanged,
each has one photo and no two scores are equal, then the number of covered ones follows a beta-binomial distribution
(Marques: Universal distribution of the empirical coverage in split conformal prediction, 2025, arXiv 2303.02770): its
mean, spread and 95 % interval stand beside what was found, and how many draws lie inside. Subjects with several photos
vary less than it says, and may be covered more often, by one in as many as calibrate. Deterministic sets, which
'multiskin conform' makes, always hold the mode, are made for a whole number of subjects, and may cover more; randomised
ones, in the scores and in that number, cover as often as asked. Given are the deterministic ones with the grade that
the run decided for, as users see them.
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

Sets = Callable[[np.ndarray, float], np.ndarray]  # (n, K) of all but those (N,) that calibrate, at a coverage
COVERAGES = (0.8, 0.9, 0.95)
DRAWS = 400


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", help="of the results, conformal_NAME.csv and .json")
    parser.add_argument("--runs", type=Path, nargs="+", required=True, help="finished runs of one config")
    parser.add_argument("--commit", help="that runs without an origin were trained at, such as those of a comparison")
    given = parser.parse_args()
    source = provenance(given.name, given.runs, given.commit)
    schema = Schema.load(given.runs[0] / "schema.yaml")
    tables = [pd.DataFrame(rows_of(table, schema, seed)) for seed, table in enumerate(predictions(given.runs))]
    keys = ["attribute", "sets", "coverage"]
    table = pd.concat(tables).groupby(keys, sort=False).mean().reset_index().astype({"subjects": int})
    RESULTS.mkdir(exist_ok=True)
    table.to_csv(RESULTS / f"conformal_{given.name}.csv", index=False, float_format="%.4f")
    write_json(RESULTS / f"conformal_{given.name}.json", source)
    print(table.to_string(index=False, float_format="%.3f"))


class Photos(NamedTuple):
    """The graded photos of one head, N of them.

    Attributes:
        probabilities: (N, K).
        true: (N,) grades.
        decided: (N,) grades.
        subject: (N,) the number of each photo's subject, from 0 on.
    """

    probabilities: np.ndarray
    true: np.ndarray
    decided: np.ndarray
    subject: np.ndarray

    @classmethod
    def of(cls, table: pd.DataFrame, attribute: Attribute) -> "Photos":
        """Those of a run's predictions."""
        graded = table[table[attribute.true_column].notna()]
        probabilities = graded[[f"{attribute.name}_p{grade}" for grade in range(attribute.grades)]].to_numpy()
        true, decided = (graded[column].to_numpy(int) for column in (attribute.true_column, attribute.name))
        return cls(probabilities, true, decided, np.unique(units(graded), return_inverse=True)[1])


def rows_of(table: pd.DataFrame, schema: Schema, seed: int) -> Iterator[dict]:
    """A row for each head, kind of sets and coverage, of one run's predictions."""
    random = np.random.default_rng(seed)
    for attribute in schema:
        photos = Photos.of(table, attribute)
        halves = [random.permutation(photos.subject.max() + 1) % 2 == 0 for _ in range(DRAWS)]  # (S,), which calibrate
        for sets, makes in kinds_of(photos, attribute, random).items():
            for coverage in COVERAGES:
                found = [judge(makes, photos, half[photos.subject], coverage) for half in halves]
                yield {"attribute": attribute.name, "sets": sets, "coverage": coverage} | summary(
                    np.array(found), halves[0], coverage
                )


def kinds_of(photos: Photos, attribute: Attribute, random: np.random.Generator) -> dict[str, Sets]:
    """What makes each kind of sets."""
    order, chance = ORDERS[attribute.kind](photos.probabilities), random.random(len(photos.true))
    return {
        "deterministic": partial(within, nonconformity(photos.probabilities, order), photos),
        "randomised": partial(randomised, nonconformity(photos.probabilities, order, chance), photos, random),
        "given": partial(given, photos, attribute),
    }


def within(scores: np.ndarray, photos: Photos, first: np.ndarray, coverage: float) -> np.ndarray:
    """The grades whose scores, of (N, K), are no higher than those of enough calibrating photos' true ones."""
    own = np.take_along_axis(scores, photos.true[:, None], axis=1)[:, 0]
    return scores[~first] <= conformal_quantile(own[first], photos.subject[first], coverage)


def randomised(
    scores: np.ndarray, photos: Photos, random: np.random.Generator, first: np.ndarray, coverage: float
) -> np.ndarray:
    """As `within`, for a number of subjects that is whole and, on average over draws, as large as asked.

    Source: smoothed conformal predictors of Vovk, Gammerman and Shafer: Algorithmic Learning in a Random World, 2005.
    """
    next_one = 1 / (len(np.unique(photos.subject[first])) + 1)
    return within(scores, photos, first, coverage - random.random() * next_one)


def given(photos: Photos, attribute: Attribute, first: np.ndarray, coverage: float) -> np.ndarray:
    """What a model that 'multiskin conform' has seen gives, around the grades that it decides for."""
    probabilities, true = photos.probabilities[:, None], photos.true[:, None]  # of one head
    model = ConformalSets.fit(Schema((attribute,)), probabilities[first], true[first], photos.subject[first], coverage)
    return model.sets_with(photos.decided[~first, None], probabilities[~first])[:, 0]


def judge(makes: Sets, photos: Photos, first: np.ndarray, coverage: float) -> tuple[float, float, float]:
    """Coverage, size and share of full sets of the photos of the subjects that do not calibrate."""
    found = coverage_of(makes(first, coverage), photos.true[~first], photos.subject[~first])
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


def trained_at(run: Path, commit: str | None) -> str:
    """Its own commit, or the one that is given for runs that have no origin of their own."""
    known = origin(run).get("commit", commit)
    if known is None:
        raise SystemExit(f"{run}: no {run.name}.json beside it tells its commit; name the commit with --commit")
    return known


def provenance(name: str, runs: Sequence[Path], trained: str | None) -> dict:
    """What it takes to get the numbers again; runs without an origin are of the commit that they were trained at."""
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
