"""The command that calibrates a trained model's probabilities."""

from argparse import Namespace
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from multiskin.cli.adjusting import with_decisions
from multiskin.cli.parsers import Parser, add_decision_options, add_inference_options, by_head, summary
from multiskin.cli.photos import data_of, photos_of_side
from multiskin.cli.terminal import console, warn
from multiskin.errors import UserError, unknown

NAME = "multiskin calibrate"
NONE = "none"  # removes a calibration
DEFAULT = "cumulative"  # for any loss; simpler methods fall short if the loss blurs, tilts or spreads the grades

if TYPE_CHECKING:
    from multiskin.config import DataConfig
    from multiskin.data.manifest import Manifest
    from multiskin.inference.evaluate import Evaluation
    from multiskin.inference.predictor import Predictor
    from multiskin.run import RunFolder
    from multiskin.schema import Schema


def calibrate(arguments: list[str]) -> None:
    """Calibrate a trained model's probabilities on its run's validation photos."""
    options = _parser().parse_args(arguments)
    from multiskin.inference.calibrate import calibrated, keep_calibration
    from multiskin.inference.evaluate import judge, network_probabilities
    from multiskin.inference.predictor import Predictor
    from multiskin.reports.reliability import head_reliability
    from multiskin.reports.tables import print_calibration
    from multiskin.run import RunFolder

    run = RunFolder.open(options.run)
    if options.out and Path(options.out).exists():
        raise UserError(f"--out {options.out}: already exists; name another file")
    data = data_of(run, options, NAME, summary(calibrate))
    with nullcontext() if options.out else run.locked():  # else another command might replace the model meanwhile
        before = Predictor.from_checkpoint(run.best, options.device, options.detector)
        asked = _requested_methods(options, before.schema)
        methods = {name: method for name, method in asked.items() if method != NONE}
        kept = {name: each for name, each in before.calibrators.items() if asked.get(name) != NONE}
        trained = with_decisions(replace(before, calibrators=kept), options)
        photos = photos_of_side(run, "val", data, trained.schema, "train with some, since calibration needs them")
        probabilities = network_probabilities(trained, photos, data.batch_size, data.num_workers)
        predictor = calibrated(trained, run.best, photos, probabilities, methods)
        _warn_of_ungraded(photos, methods)
        found = judge(predictor, photos, probabilities)
        heads = head_reliability(photos.schema, photos.grades, found.prediction.probabilities, probabilities.numpy())
        print_calibration(heads, predictor.calibrators, console())
        if options.out:
            keep_calibration(predictor, run.best, Path(options.out))
            print(f"evaluate it: multiskin test {run.root} --checkpoint {options.out} --out FOLDER")
        else:
            _replace(run, predictor, found, Path(data.root))


def _parser() -> Parser:
    parser = Parser(NAME, description=summary(calibrate))
    parser.add_argument("run", help="the run folder")
    parser.add_argument(
        "--method",
        action="append",
        default=[],
        metavar="[HEAD=]NAME",
        help="temperature (one parameter per attribute), bias_corrected (and one per grade), vector (two per grade), "
        "cumulative (bias_corrected, then for ordered grades two per cut between them), or none, which removes a "
        "calibration; NAME for all attributes, HEAD=NAME for one, with the others unchanged; may be repeated; default: "
        f"{DEFAULT}, or as fitted before if only --decision or --credit is given",
    )
    parser.add_argument("--out", help="a .ckpt file for the calibrated model; default: the run's best checkpoint")
    parser.add_argument("--root", help="the folder of the photos, if they have moved")
    add_decision_options(parser)
    add_inference_options(parser)
    return parser


def _requested_methods(options: Namespace, schema: "Schema") -> dict[str, str]:
    """The method asked for each head; one asked for all heads need not fit each of them, one asked for a head must.

    Raises:
        UserError: an unknown head or method, or a method that does not fit its head.
    """
    from multiskin.calibration import METHODS, require_method

    only_decisions = not options.method and (options.decision or options.credit)
    words = [] if only_decisions else options.method or [DEFAULT]
    asked = by_head(words, schema.names)
    for name, method in asked.items():
        schema.index(name)
        if method not in (*METHODS, NONE):
            raise unknown("method", method, (*METHODS, NONE), "--method")
    for name, method in by_head(words, ()).items():
        if method != NONE:
            require_method(method, schema[name])
    return asked


def _warn_of_ungraded(photos: "Manifest", methods: Mapping[str, str]) -> None:
    counts = dict(zip(photos.schema.names, photos.grade_counts(), strict=True))
    left = (name for name in methods if not counts[name].any())
    warn(f"{name}: no validation photo is graded for it, so its probabilities stay as they are" for name in left)


def _replace(run: "RunFolder", predictor: "Predictor", found: "Evaluation", photos: Path) -> None:
    """Makes a model the one of its locked run, after moving the results of the previous one aside."""
    from multiskin.inference.calibrate import keep_calibration
    from multiskin.reports.page import write_report
    from multiskin.reports.record import record, set_aside

    tested = run.measured("test")
    aside = set_aside(run)  # before the model is replaced
    outdated = keep_calibration(predictor, run.best, run.best)
    record(run, "val", found)
    if aside:
        print(f"results of the previous model: {aside}")
    if outdated:
        warn([f"the sets of grades relied on the old calibration and were removed; run: multiskin conform {run.root}"])
    print(f"calibrated: {run.best}\nreport on validation photos: {write_report(run, photos)}")
    if tested:
        print(f"the results on test photos are outdated; run: multiskin test {run.root}")


def calibrate_after_training(
    run: "RunFolder", predictor: "Predictor", photos: "Manifest", methods: Mapping[str, str], data: "DataConfig"
) -> "Predictor":
    """Calibrates the model of a run that was just trained as its recipes ask, and saves it in the best checkpoint.

    Args:
        run: the run.
        predictor: its best model.
        photos: its validation photos.
        methods: the method of each head to calibrate, by name.
        data: how photos are read.

    Returns:
        The calibrated model.
    """
    from multiskin.inference.calibrate import calibrated, keep_calibration
    from multiskin.inference.evaluate import network_probabilities

    probabilities = network_probabilities(predictor, photos, data.batch_size, data.num_workers)
    predictor = calibrated(predictor, run.best, photos, probabilities, methods)
    _warn_of_ungraded(photos, methods)
    keep_calibration(predictor, run.best, run.best)
    return predictor
