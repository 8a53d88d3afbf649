"""The commands that evaluate a trained model, and the one that predicts."""

from pathlib import Path
from typing import TYPE_CHECKING

from multiskin.cli.adjusting import add_group_option, add_views_option, with_options
from multiskin.cli.collecting import add_engine_options, predict_collection, require_no_engine_options
from multiskin.cli.exporting import load_model
from multiskin.cli.parsers import PHOTOS, Parser, add_decision_options, add_inference_options, int_at_least, summary
from multiskin.cli.photos import SIDES, data_of, photos_of_side, photos_of_table
from multiskin.cli.terminal import console, warn
from multiskin.errors import UserError, unknown

if TYPE_CHECKING:
    from multiskin.config import DataConfig
    from multiskin.data.manifest import Manifest
    from multiskin.inference.predictor import Predictor
    from multiskin.run import RunFolder


def validate(arguments: list[str]) -> None:
    """Evaluate a trained model on its run's validation photos, or on another table."""
    _evaluate("val", "multiskin validate", summary(validate), arguments)


def test(arguments: list[str]) -> None:
    """Evaluate a trained model on its run's test photos, or on another table."""
    _evaluate("test", "multiskin test", summary(test), arguments)


def _evaluate(side: str, name: str, description: str, arguments: list[str]) -> None:
    parser = Parser(name, description=description)
    parser.add_argument("run", help="the run folder")
    parser.add_argument("--checkpoint", help="a checkpoint; default: the run's best")
    parser.add_argument("--root", help="the folder of the photos, if they have moved")
    parser.add_argument("--table", help="another table, relative to the root: all of its graded photos are used")
    parser.add_argument("--out", help="a new folder for the results; default: the run folder")
    add_decision_options(parser)
    add_views_option(parser)
    add_inference_options(parser)
    options = parser.parse_args(arguments)
    from multiskin.inference.predictor import Predictor
    from multiskin.reports.page import write_report
    from multiskin.run import RunFolder

    if any((options.table, options.checkpoint, options.decision, options.credit, options.tta)) and not options.out:
        raise UserError(
            "--out: name a new folder for these results; the run folder is for results with the run's own photos, "
            "model, decisions and views"
        )
    run = RunFolder.open(options.run)
    out = RunFolder.create(options.out) if options.out else run
    config = data_of(run, options, name, description)
    predictor = Predictor.from_checkpoint(options.checkpoint or run.best, options.device, options.detector)
    predictor = with_options(predictor, options)
    photos = (
        photos_of_table(config, options.table, predictor.schema)
        if options.table
        else photos_of_side(run, side, config, predictor.schema, "name a table of graded photos with --table")
    )
    measure(out, predictor, photos, Path(options.table).stem if options.table else side, config)
    if out == run:
        print(f"report: {write_report(run, Path(config.root))}")


def measure(run: "RunFolder", predictor: "Predictor", photos: "Manifest", name: str, config: "DataConfig") -> None:
    from multiskin.inference.evaluate import evaluate
    from multiskin.reports.coverage import print_coverage, with_sets
    from multiskin.reports.record import record
    from multiskin.reports.tables import print_results

    evaluation = with_sets(evaluate(predictor, photos, config.batch_size, config.num_workers), predictor)
    record(run, name, evaluation)
    title = f"{name}: {len(photos)} photos"
    persons = evaluation.persons.metrics if evaluation.persons else {}
    print_results(evaluation.metrics, predictor.schema, title, console(), evaluation.second_rater, persons)
    print_coverage(evaluation, console())


def errors(arguments: list[str]) -> None:
    """Show a model's errors: which grades it confuses, in which groups, and on which photos."""
    parser = Parser("multiskin errors", description=summary(errors))
    parser.add_argument("run", help="the run folder")
    parser.add_argument(
        "--side", default="test", help="which photos: test or val, which writes errors-val.*; default: test"
    )
    parser.add_argument("--root", help="the folder of the photos, if they have moved")
    parser.add_argument(
        "--examples", type=int_at_least(0), default=12, help="worst errors per head, with maps; default: 12"
    )
    options = parser.parse_args(arguments)
    from multiskin.reports.errors import write_errors
    from multiskin.reports.page import settings_of
    from multiskin.run import RunFolder

    if options.side not in SIDES:
        raise unknown("value", options.side, SIDES, "--side")
    run = RunFolder.open(options.run)
    root = options.root or settings_of(run)["data"]["root"]
    print(write_errors(run, options.side, Path(root), options.examples))


def report(arguments: list[str]) -> None:
    """Write a run's report again: report.html, a self-contained page."""
    parser = Parser("multiskin report", description=summary(report))
    parser.add_argument("run", help="the run folder")
    parser.add_argument("--root", help="the folder of the photos, if they have moved")
    parser.add_argument(
        "--examples", type=int_at_least(0), default=4, help="photos per head and kind; 0: none; default: 4"
    )
    options = parser.parse_args(arguments)
    from multiskin.reports.page import settings_of, write_report
    from multiskin.run import RunFolder

    run = RunFolder.open(options.run)
    root = options.root or settings_of(run)["data"]["root"]
    print(write_report(run, Path(root), options.examples))


def predict(arguments: list[str]) -> None:
    """Grade photos: files, folders, or tables and lists of paths."""
    options = _predict_parser().parse_args(arguments)
    if options.engine is not None:
        predict_collection(options)
        return
    require_no_engine_options(options)
    from multiskin.inference.files import find_photos
    from multiskin.inference.output import check_output, open_output, writer_for

    check_output(options.out)
    if options.out and Path(options.out).resolve() in (Path(photos).resolve() for photos in options.photos):
        raise UserError(f"--out {options.out}: is one of the inputs, which would be lost; name another file")
    paths = find_photos(options.photos, options.column)
    predictor = with_options(load_model(options), options)
    results = predictor.predict_files(paths, options.batch_size, options.num_workers)
    with open_output(options.out) as file:
        errors = writer_for(options.out, predictor.conformal is not None)(results, predictor.schema, file)
    if errors == len(paths):
        raise UserError(f"none of {len(paths)} photos could be read; the reasons are in the column 'error'")
    if errors:
        warn([f"{errors} of {len(paths)} photos could not be read"])


def _predict_parser() -> Parser:
    parser = Parser("multiskin predict", description=summary(predict))
    parser.add_argument(
        "model", help="a run folder, a .ckpt file, or an export: an .onnx file, which needs no torch, or a folder"
    )
    parser.add_argument("photos", nargs="+", help=PHOTOS)
    parser.add_argument("--column", default="image", help="the tables' column of paths, relative to the table")
    parser.add_argument("--out", help="a .csv or .jsonl file; default: CSV to standard output")
    add_decision_options(parser)
    add_views_option(parser)
    add_group_option(parser)
    add_inference_options(parser)
    add_engine_options(parser)
    return parser
