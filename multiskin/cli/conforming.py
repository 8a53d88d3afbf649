"""The command that fits conformal prediction sets."""

from typing import TYPE_CHECKING

from multiskin.cli.parsers import Parser, add_inference_options, summary
from multiskin.cli.photos import data_of, photos_of_side, photos_of_table
from multiskin.cli.terminal import console
from multiskin.errors import unknown

if TYPE_CHECKING:
    import numpy as np

    from multiskin.config import DataConfig
    from multiskin.data.manifest import Manifest
    from multiskin.run import RunFolder
    from multiskin.schema import Schema

NAME = "multiskin conform"
UNSEEN = (
    "train with data.split.ratios: [0.6, 0.15, 0.1, 0.15] or with 'calibrate' in the split column, or name a table of "
    "other graded photos with --table"
)
HOW = """
With each grade the model then gives a set of grades, such as 2 to 4, that contains the true one as often as asked, on
average over subjects like those of the photos used here. These photos must have been used neither for training nor for
validation: by default they are the 'calibrate' part of the run's split, which exists if it was asked for
(data.split.ratios: [0.6, 0.15, 0.1, 0.15], or 'calibrate' in the split column). With too few subjects, sets contain all
grades. The sets are saved in the run's best checkpoint and replace any earlier ones."""


def conform(arguments: list[str]) -> None:
    """Fit sets of grades that contain the true one as often as asked, on photos used for nothing else."""
    options = _parser().parse_args(arguments)
    from multiskin.conformal.prediction import ConformalSets
    from multiskin.conformal.quantile import require_coverage
    from multiskin.inference.evaluate import evaluate
    from multiskin.inference.predictor import CONFORMAL, Predictor
    from multiskin.models.checkpoint import read_checkpoint, write_checkpoint
    from multiskin.reports.tables import print_sets
    from multiskin.run import RunFolder

    require_coverage(options.coverage)
    run = RunFolder.open(options.run)
    config = data_of(run, options, NAME, summary(conform))
    with run.locked():  # else another command might replace the model meanwhile
        predictor = Predictor.from_checkpoint(run.best, options.device, options.detector)
        photos = _unseen_photos(run, config, predictor.schema, options.table)
        groups = _groups(photos, options.by)
        grades, _, probabilities = evaluate(predictor, photos, config.batch_size, config.num_workers).prediction
        units = photos.units
        fitted = ConformalSets.fit(
            predictor.schema, probabilities, photos.grades, units, options.coverage, options.by, groups
        )
        write_checkpoint(read_checkpoint(run.best) | {CONFORMAL: fitted.to_dict()}, run.best)
    sets = fitted.sets_with(grades, probabilities, groups)  # as users get them
    print_sets(fitted, sets, photos.grades, units, groups, console())
    print(f"saved in {run.best}; to measure their coverage: multiskin test {run.root}")
    stale = [name for name, found in run.results().items() if "sets" in found]
    if stale:
        print(f"{run.metrics}: for {', '.join(stale)}, the coverage is that of the earlier sets until measured again")


def _parser() -> Parser:
    parser = Parser(NAME, description=f"{summary(conform)}\n{HOW}")
    parser.add_argument("run", help="the run folder")
    parser.add_argument(
        "--coverage", type=float, default=0.9, help="share of sets that contain the true grade, below 1; default: 0.9"
    )
    parser.add_argument(
        "--by",
        help="reach the coverage for each value of: grade (the true grade), part, or a column of data.columns.groups; "
        "'predict' takes a group's value with --group, while the demo knows only the part and otherwise shows the "
        "widest sets; default: on average",
    )
    parser.add_argument("--table", help="another table of graded photos, relative to the root")
    parser.add_argument("--root", help="the folder of the photos, if they have moved")
    add_inference_options(parser)
    return parser


def _unseen_photos(run: "RunFolder", config: "DataConfig", schema: "Schema", table: str | None) -> "Manifest":
    """The photos of a table, or else of the calibrate part of the run's split.

    Raises:
        UserError: there are none, or the run has seen some of them.
    """
    from multiskin.data.photos import require_unseen

    if not table:
        return photos_of_side(run, "calibrate", config, schema, UNSEEN)
    photos = photos_of_table(config, table, schema)
    require_unseen(photos, run.split)
    return photos


def _groups(photos: "Manifest", by: str | None) -> "dict[str, np.ndarray]":
    """The groups of the photos that sets can be fitted for.

    Raises:
        UserError: --by names none of them.
    """
    from multiskin.conformal.prediction import GRADE
    from multiskin.reports.coverage import groups_of

    groups = groups_of(photos)
    if by not in (None, GRADE, *groups):
        raise unknown("group", by, [GRADE, *groups], "--by")
    return groups
