"""The command that searches for wrong labels."""

from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

from multiskin.cli.comparing import require_no_failures
from multiskin.cli.parsers import summary
from multiskin.cli.photos import checked_photos, with_photos_drawn
from multiskin.cli.settings import is_given, out_folder, parse
from multiskin.cli.terminal import status_printer
from multiskin.errors import UserError

if TYPE_CHECKING:
    import pandas as pd
    from jsonargparse import ArgumentParser

NAME = "multiskin suspects"


def suspects(arguments: list[str]) -> None:
    """Rank labels by how wrong they look to models not trained on the photo, and list those to leave out."""
    config, schema, options = parse(NAME, summary(suspects), arguments, _add_options)
    from multiskin.compare.folds import MIN_FOLDS, graded_photos, out_of_fold, plan_folds
    from multiskin.compare.runs import Runs
    from multiskin.explain.suspects import rank_suspects
    from multiskin.run import write_atomically
    from multiskin.training.checks import check, check_weights

    for option in ("--ckpt_path", "--test"):
        if is_given(option, arguments):
            raise UserError(f"{option}: not for suspects, which tests every fold and resumes when it is started again")
    if config.distillation is not None:
        raise UserError("distillation: not for suspects, whose models may not learn from one that has seen the photos")
    if options.folds < MIN_FOLDS:
        raise UserError(f"--folds is {options.folds}; give {MIN_FOLDS} or more: for testing, validation and training")
    check(config, schema)
    check_weights(config)
    root = out_folder(config, "suspects", arguments)
    config = with_photos_drawn(config)
    photos = graded_photos(checked_photos(config, schema), options.sides)
    planned = plan_folds(config, photos, options.folds)
    runs = Runs(root, "test", "suspects")
    with runs.opened():
        failures = runs.train(planned, options.jobs, status_printer(sum(run.work for run in planned)))
        require_no_failures(failures, len(planned))
        table = rank_suspects(photos.manifest, out_of_fold(runs, planned, photos.manifest))
        ranked, text = root / "suspects.csv", table.to_csv(index=False, float_format="%.4g")
        _keep_previous(ranked, text)
        write_atomically(ranked, text)
    _print_counts(table)
    print(f"all labels, the most doubtful first: {ranked}")
    print(f"check the labels with yes, clear it for correct ones, and train without the rest: --data.exclude {ranked}")


def _add_options(parser: "ArgumentParser") -> None:
    from jsonargparse.typing import PositiveInt

    parser.add_argument("--folds", type=PositiveInt, default=5, help="number of folds; one model is trained for each")
    parser.add_argument(
        "--sides",
        choices=["train", "val", "test"],
        nargs="+",
        default=["train", "val"],
        help="the sides of the split whose labels are checked; photos of other sides are not used",
    )
    parser.add_argument("--jobs", type=PositiveInt, default=1, help="runs at the same time; they share the cores")


def _keep_previous(path: Path, text: str) -> None:
    """Moves a previous list with other content aside, since somebody may have edited it."""
    if path.is_file() and path.read_bytes() != text.encode():
        names = (path.with_stem(f"{path.stem}-{number}") for number in count(1))
        previous = path.rename(next(name for name in names if not name.exists()))
        print(f"the previous list is kept: {previous}")


def _print_counts(table: "pd.DataFrame") -> None:
    """Prints how many labels of each attribute are likely wrong."""
    for attribute, labels in table.groupby("attribute", sort=False):
        print(f"{attribute}: {(labels['exclude'] == 'yes').sum()} of {len(labels)} labels are likely wrong")
