"""How many photos a calibration takes, on drawn skin, where there may be as many as wanted.

    python benchmarks/calibration_photos.py skin5_drawn --runs runs/benchmark/skin5_drawn-{0,1,2}

Draws photos of more persons in the same way as the validation photos of the runs, divides them into groups of ever more
persons, and fits `cumulative` to each group. Test photos of the runs judge it as in calibration.py: a head counts as
calibrated if its error is at most half of that as trained, or within the noise floor.
"""

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import pandas as pd
import torch
from as_trained import as_trained
from calibration import noise_floors
from recalibrated import CALIBRATED, Fit, calibrated, graded
from refits import errors_of, highest_error
from seeds import RESULTS, commit, config_of, machine, origin, threads

from multiskin.calibration import GradedProbabilities
from multiskin.data.photos import load_photos
from multiskin.data.render.cache import rendered
from multiskin.inference.evaluate import network_probabilities
from multiskin.inference.predictor import Predictor
from multiskin.metrics.functional import ranked_probability_score
from multiskin.run import RunFolder, write_json

PERSONS = (80, 320, 1280)  # in a group; the largest group has all of them
SEED = 1  # of the drawn persons, so that they are not those of the runs
MEASURES = ["photos", "error", "met", "rps"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", help="name of the results, calibration_photos_NAME.csv and .json")
    parser.add_argument("--runs", type=Path, nargs="+", required=True, help="finished runs of one config that draws")
    args = parser.parse_args()
    rows = [row for run in args.runs for row in group_rows(run, PERSONS)]
    table = pd.DataFrame(rows).groupby(["persons", "attribute"], sort=False)[MEASURES].mean().reset_index()
    table.to_csv(RESULTS / f"calibration_photos_{args.name}.csv", index=False, float_format="%.5f")
    write_json(
        RESULTS / f"calibration_photos_{args.name}.json",
        {
            "command": f"python benchmarks/calibration_photos.py {args.name} --runs {' '.join(map(str, args.runs))}",
            "trained_at": [origin(run).get("commit") for run in args.runs],
            "runs": len(args.runs),
            "groups": {persons: max(PERSONS) // persons for persons in PERSONS},
            "machine": machine(threads()),
            "versions": {name: version(name) for name in ("torch", "numpy", "scipy")},
            "commit": commit(),
        },
    )
    print(table.to_string(index=False, float_format="%.3f"))


def group_rows(run: Path, sizes: Sequence[int]) -> Iterator[dict[str, object]]:
    """One row per ordinal head, number of persons and group of a run."""
    fit, test = Fit.of_run(run), graded(as_trained(run, "test"))
    before = errors_of(test, fit.schema)
    photos = more_photos(run, max(sizes))
    for persons in sizes:
        for first in range(0, max(sizes), persons):
            group = of_units(photos, first, first + persons)
            after = test._replace(probabilities=calibrated(test.probabilities, fit.schema, fit(CALIBRATED, group)))
            errors, floors = errors_of(after, fit.schema), noise_floors(after, fit.schema)
            for h, attribute in enumerate(fit.schema):
                if attribute.ordinal:
                    own, true, _ = after.of_head(h, attribute.grades)
                    yield {
                        "persons": persons,
                        "attribute": attribute.name,
                        "photos": len(group.of_head(h, attribute.grades)[1]),
                        "error": errors[h],
                        "met": float(errors[h] <= highest_error(before[h], floors[h].high)),
                        "rps": ranked_probability_score(torch.from_numpy(own), torch.from_numpy(true)).mean().item(),
                    }


def more_photos(run: Path, persons: int) -> GradedProbabilities:
    """Photos of other persons, drawn like the run's validation photos, with its probabilities as trained."""
    folder, config = RunFolder.open(run), config_of(run)
    if config.data.render is None:
        raise SystemExit(f"{run}: its photos are not drawn, so there are no more")
    root = rendered(replace(config.data.render, persons=[1, persons, 0], seed=SEED))
    predictor = Predictor.from_checkpoint(folder.best, "cpu")
    photos = load_photos(replace(config.data, root=str(root)), predictor.schema).side("val")
    found = network_probabilities(predictor, photos, config.data.batch_size, config.data.num_workers)
    return GradedProbabilities(found.numpy(), photos.grades, photos.units)


def of_units(photos: GradedProbabilities, first: int, end: int) -> GradedProbabilities:
    """The photos of the subjects numbered from first to before end."""
    chosen = (photos.units >= first) & (photos.units < end)
    return GradedProbabilities(*(part[chosen] for part in photos))


if __name__ == "__main__":
    main()
