"""The command line: parses, calls the library, and turns a user's mistake into one message and exit status 2.

Imports stay inside the commands, so that help comes at once.
"""

import argparse
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from multiskin import __version__
from multiskin.errors import UserError, unknown

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser, Namespace
    from rich.console import Console

    from multiskin.config import DataConfig, FitConfig
    from multiskin.data.manifest import Manifest
    from multiskin.data.photos import Photos
    from multiskin.data.render.faces import Face
    from multiskin.inference.predictor import Predictor
    from multiskin.run import RunFolder
    from multiskin.schema import Schema


EMBEDDED = Path(__file__).parent / "embedded" / "config.yaml"


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command and returns its exit status: 0 done, 2 a mistake to mend, 130 interrupted."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    try:
        _run(arguments)
    except UserError as error:
        print(f"multiskin: error: {_words(error)}", file=sys.stderr)
        return 2
    except BrokenPipeError:  # whoever reads our output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or closing it would fail again
        return 0
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        print(f"multiskin: error: {place}{error.strerror or error}; make room or choose another place", file=sys.stderr)
        return 2
    except (KeyboardInterrupt, EOFError):
        print("multiskin: interrupted", file=sys.stderr)
        return 130
    return 0


def _words(error: UserError) -> str:
    """The message alone: an error from a process that reads photos arrives with that process's traceback before it."""
    _, traceback, rest = str(error).partition("Original Traceback")
    return rest.strip().splitlines()[-1].partition(": ")[2] if traceback else str(error)


def _run(arguments: list[str]) -> None:
    for words in (2, 1):
        name = " ".join(arguments[:words])
        if name in COMMANDS:
            return COMMANDS[name](arguments[words:])
    parser = _Parser("multiskin", usage="multiskin COMMAND [options]", description=_overview())
    parser.add_argument("--version", action="version", version=f"multiskin {__version__}")
    if not arguments or arguments[0].startswith("-"):
        parser.parse_args(arguments or ["--help"])
    raise unknown("command", " ".join(arguments[:2] if arguments[0] == "data" else arguments[:1]), COMMANDS)


def _overview() -> str:
    lines = [f"  {name:<13}{_summary(command)}" for name, command in COMMANDS.items()]
    return "\n".join(
        [
            "Grade several ordered skin attributes from one photograph with one network.",
            "\ncommands:",
            *lines,
            "\n'multiskin COMMAND --help' tells a command's options. multiskin is no medical device.",
        ]
    )


def _summary(command: Callable[..., Any]) -> str:
    return (command.__doc__ or "").splitlines()[0]


class _Parser(argparse.ArgumentParser):
    """A parser whose errors are the user's one message."""

    def __init__(self, name: str, **options: Any) -> None:
        super().__init__(name, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False, **options)

    def error(self, message: str) -> NoReturn:
        raise UserError(f"{message}; see '{self.prog} --help'")


# ------------------------------------------------------------------------------------------------------------- training


def fit(arguments: list[str]) -> None:
    """Train one model on graded photographs, and measure it."""
    config, schema = _fit_config("multiskin fit", _summary(fit), arguments)
    import pandas as pd

    from multiskin.inference.predictor import Predictor
    from multiskin.reports.figures import draw_curves
    from multiskin.reports.page import write_report
    from multiskin.run import RunFolder, first_process
    from multiskin.training.fit import check, check_weights
    from multiskin.training.fit import fit as train

    check(config, schema)
    check_weights(config)
    if config.ckpt_path is None and first_process():
        RunFolder.require_free(config.out)
    config = _with_photos_drawn(config)
    photos = _load_photos(config, schema)
    run = train(config, photos)
    if not first_process():
        return
    draw_curves(pd.read_csv(run.curves), schema, config.trainer.monitor, run.figure("curves"))
    predictor = Predictor.from_checkpoint(run.best)
    for side in ("val", "test") if config.test else ("val",):
        if len(photos.side(side)):
            _measure(run, predictor, photos.side(side), side, config.data)
    print(f"best checkpoint: {run.best}\nreport: {write_report(run, Path(config.data.root))}")


def _fit_config(name: str, description: str, arguments: list[str]) -> tuple["FitConfig", "Schema"]:
    """The settings of a training run, and the schema that they name.

    A schema that a config file names is looked for beside that file first. Without a config and a schema the settings
    are the embedded ones, which draw their photos themselves.
    """
    from multiskin.schema import Schema

    if not any(argument.partition("=")[0] in ("--config", "--schema", "--help", "-h") for argument in arguments):
        arguments = ["--config", str(EMBEDDED), *arguments]
    parser = _fit_parser(name, description)
    try:
        parsed = parser.parse_args(arguments)
    except (argparse.ArgumentError, UnicodeDecodeError) as error:
        raise UserError(f"{' '.join(str(error).split())}; see '{name} --help'") from error
    config = _instantiate(parser, parsed)
    given = [argument.partition("=")[0] for argument in arguments]
    for option in ("--data.root", "--data.manifest"):
        if option in given and config.data.render is not None:
            raise UserError(
                f"{option}: this config draws its photos; name a config for yours with --config, which "
                "'multiskin data init TABLE' writes"
            )
    return config, Schema.load(_schema_path(config.schema, parsed.config or [], arguments))


def _schema_path(schema: str, files: Sequence[Any], arguments: list[str]) -> Path:
    if any(argument.partition("=")[0] == "--schema" for argument in arguments):
        return Path(schema)
    beside = [Path(file.absolute).parent / schema for file in files]
    return next((path for path in reversed(beside) if path.is_file()), Path(schema))


def _fit_parser(name: str, description: str) -> "ArgumentParser":
    from jsonargparse import ArgumentParser, set_parsing_settings

    from multiskin.config import FitConfig

    set_parsing_settings(docstring_parse_attribute_docstrings=True)
    parser = ArgumentParser(prog=name, description=description, exit_on_error=False, allow_abbrev=False)
    parser.add_argument("--config", action="config", help="a YAML file of the options below")
    parser.add_class_arguments(FitConfig, as_group=False, skip={"offline"})
    parser.add_argument("--offline", action="store_true", help="never reach for the network")
    return parser


def _instantiate(parser: "ArgumentParser", parsed: "Namespace") -> "FitConfig":
    from dataclasses import fields

    from multiskin.config import FitConfig

    values = parser.instantiate(parsed)
    return FitConfig(**{field.name: values[field.name] for field in fields(FitConfig)})


# ------------------------------------------------------------------------------------------------------ after training


def validate(arguments: list[str]) -> None:
    """Measure a trained model on its run's validation photos, or on another table."""
    _evaluate("val", "multiskin validate", _summary(validate), arguments)


def test(arguments: list[str]) -> None:
    """Measure a trained model on its run's test photos, or on another table."""
    _evaluate("test", "multiskin test", _summary(test), arguments)


def _evaluate(side: str, name: str, description: str, arguments: list[str]) -> None:
    parser = _Parser(name, description=description)
    parser.add_argument("run", help="the run folder")
    parser.add_argument("--checkpoint", help="another checkpoint than the run's best")
    parser.add_argument("--root", help="where the photos are now; default: where they were")
    parser.add_argument("--table", help="another table, relative to the root: all of its graded photos are measured")
    parser.add_argument("--out", help="where the results go; default: the run folder")
    _add_inference_options(parser)
    options = parser.parse_args(arguments)
    from dataclasses import replace

    from multiskin.data.photos import load_side, load_table
    from multiskin.inference.predictor import Predictor
    from multiskin.reports.page import write_report
    from multiskin.run import RunFolder

    if (options.table or options.checkpoint) and not options.out:
        raise UserError("--out: name a folder for the results; those of the run's own photos and checkpoint stay")
    run = RunFolder.open(options.run)
    out = RunFolder.create(options.out) if options.out else run
    settings = _fit_config(name, description, ["--config", str(run.config)])[0]
    if not options.root and not Path(settings.data.root).exists():
        settings, had = _with_photos_drawn(settings), settings.data.root
        if settings.data.root != had:
            _warn([f"the photos of the run, {had}, are gone, and those drawn now differ: results may, too"])
    saved = settings.data
    config = replace(saved, root=options.root or saved.root, batch_size=options.batch_size)
    config = replace(config, num_workers=options.num_workers, manifest=options.table or saved.manifest)
    predictor = Predictor.from_checkpoint(options.checkpoint or run.best, options.device)
    with _progress("checking photos") as progress:
        if options.table:
            photos, skipped = load_table(config, predictor.schema, progress)
        else:
            photos, skipped = load_side(config, predictor.schema, run.split, side, progress)
    _warn(skipped)
    if not len(photos):
        raise UserError(f"{options.run}: the split has no {side} photo; name a table of graded photos with --table")
    _measure(out, predictor, photos, Path(options.table).stem if options.table else side, config)
    if out == run:
        print(f"report: {write_report(run, Path(config.root))}")


def _measure(run: "RunFolder", predictor: "Predictor", photos: "Manifest", name: str, config: "DataConfig") -> None:
    from multiskin.inference.evaluate import evaluate
    from multiskin.reports.record import record
    from multiskin.reports.tables import print_results

    evaluation = evaluate(predictor, photos, config.batch_size, config.num_workers)
    record(run, name, evaluation)
    title = f"{name}: {len(photos)} photos"
    print_results(evaluation.metrics, predictor.schema, title, _console(), evaluation.second_rater)


def report(arguments: list[str]) -> None:
    """Write a run's page again: report.html, which needs no other file."""
    parser = _Parser("multiskin report", description=_summary(report))
    parser.add_argument("run", help="the run folder")
    parser.add_argument("--root", help="where the photos are now; default: where they were")
    parser.add_argument("--examples", type=_whole(0), default=4, help="photos of a kind and head; 0: none; default: 4")
    options = parser.parse_args(arguments)
    import yaml

    from multiskin.reports.page import write_report
    from multiskin.run import RunFolder

    run = RunFolder.open(options.run)
    root = options.root or yaml.safe_load(run.config.read_text(encoding="utf-8"))["data"]["root"]
    print(write_report(run, Path(root), options.examples))


def predict(arguments: list[str]) -> None:
    """Grade photographs: files, folders, or a table of paths."""
    parser = _Parser("multiskin predict", description=_summary(predict))
    parser.add_argument("model", help="a run folder or a .ckpt file")
    parser.add_argument("photos", nargs="+", help="pictures, folders of pictures, .csv or .parquet tables")
    parser.add_argument("--column", default="image", help="the tables' column of paths, relative to the table")
    parser.add_argument("--out", help="a .csv or .jsonl file; default: CSV to the terminal")
    _add_inference_options(parser)
    options = parser.parse_args(arguments)
    from multiskin.inference.files import find_photos
    from multiskin.inference.output import open_output, writer_for
    from multiskin.inference.predictor import Predictor
    from multiskin.run import RunFolder

    write = writer_for(options.out)
    if options.out in options.photos:
        raise UserError(f"--out {options.out}: is one of the inputs, which would be lost; name another file")
    paths = find_photos(options.photos, options.column)
    model = Path(options.model)
    predictor = Predictor.from_checkpoint(RunFolder.open(model).best if model.is_dir() else model, options.device)
    results = predictor.predict_files(paths, options.batch_size, options.num_workers)
    with open_output(options.out) as file:
        errors = write(results, predictor.schema, file)
    if errors == len(paths):
        raise UserError(f"none of {len(paths)} photos could be read; the reasons stand in the column 'error'")
    if errors:
        _warn([f"{errors} of {len(paths)} photos could not be read"])


def _add_inference_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:1, ...; default: auto")
    parser.add_argument("--batch_size", type=_whole(1), default=32, help="photos at once; default: 32")
    parser.add_argument("--num_workers", type=_whole(0), help="processes that read photos; default: by the cores")


def _whole(lowest: int) -> Callable[[str], int]:
    def number(text: str) -> int:
        if not text.isdecimal() or int(text) < lowest:
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least {lowest}")
        return int(text)

    return number


# ----------------------------------------------------------------------------------------------------------------- data


def data_init(arguments: list[str]) -> None:
    """Write a first schema and config for a table of your own."""
    parser = _Parser("multiskin data init", description=_summary(data_init))
    parser.add_argument("table", help="a .csv or .parquet table with a column of photos and columns of grades")
    parser.add_argument("--out", default=".", help="the folder to write to; default: the working directory")
    parser.add_argument("--yes", action="store_true", help="ask nothing, take the likeliest answers")
    parser.add_argument("--overwrite", action="store_true", help="replace files that are there")
    options = parser.parse_args(arguments)
    from multiskin.data.first_config import write
    from multiskin.data.proposal import propose

    interactive = sys.stdin.isatty() and not options.yes
    proposal = propose(options.table, _ask if interactive else _take_default)
    for path in write(proposal, options.out, overwrite=options.overwrite):
        print(path)


def _ask(question: str, choices: Sequence[str], default: str) -> str:
    from rich.prompt import IntPrompt

    print(question)
    for number, choice in enumerate(choices, start=1):
        print(f"  {number}  {choice}")
    numbers = [str(number) for number in range(1, len(choices) + 1)]
    default_number = choices.index(default) + 1
    return choices[IntPrompt.ask("number", choices=numbers, default=default_number, show_choices=False) - 1]


def _take_default(question: str, choices: Sequence[str], default: str) -> str:  # noqa: ARG001
    print(f"{question} {default}", file=sys.stderr)
    return default


def data_check(arguments: list[str]) -> None:
    """Check a table and its photos, and count the grades on each side of the split."""
    config, schema = _fit_config("multiskin data check", _summary(data_check), arguments)
    from multiskin.reports.tables import print_grades
    from multiskin.training.fit import check

    check(config, schema)
    print_grades(_load_photos(_with_photos_drawn(config), schema), _console())


def data_render(arguments: list[str]) -> None:
    """Draw graded photos, on drawn faces or on photographs: a set to try everything on."""
    from multiskin.config import RenderConfig

    default = RenderConfig()
    parser = _Parser("multiskin data render", description=_summary(data_render))
    parser.add_argument("out", type=Path, help="a new folder: images/, masks/, labels.csv, truth.csv")
    parser.add_argument(
        "--persons",
        type=_whole(0),
        nargs=3,
        default=default.persons,
        metavar=("TRAIN", "VAL", "TEST"),
        help=f"how many persons, five photos each; default: {' '.join(map(str, default.persons))}",
    )
    parser.add_argument("--size", type=_whole(1), default=default.size, help=f"pixels; default: {default.size}")
    parser.add_argument(
        "--seed", type=_whole(0), default=default.seed, help="another one draws another set; default: 0"
    )
    parser.add_argument("--faces", help="draw on photographs of faces: a folder with faces.csv and landmarks.json")
    options = parser.parse_args(arguments)
    from multiskin.data.render.folder import render_into

    config, faces = RenderConfig(options.persons, options.size, options.seed), _faces(options.faces)
    with _progress("drawing photos") as progress:
        render_into(options.out, config, faces, progress)
    print(options.out)


def _load_photos(config: "FitConfig", schema: "Schema") -> "Photos":
    """The checked photos; what need not stop a command is said."""
    from multiskin.data.photos import load_photos

    with _progress("checking photos") as progress:
        try:
            photos = load_photos(config.data, schema, progress)
        except UserError as error:
            if config.data.render is None:
                raise
            remedy = f"{config.data.root}: remove this folder, and its photos are drawn again"
            raise UserError(f"{str(error).splitlines()[0]}\n{remedy}") from error
    _warn([*photos.skipped, *photos.warnings])
    return photos


def _with_photos_drawn(config: "FitConfig") -> "FitConfig":
    """The settings with data.root where the photos are; those of data.render are drawn unless they have been."""
    from dataclasses import replace

    data = config.data
    if data.render is None:
        if data.faces is not None:
            raise UserError("data.faces: faces are for drawing on; add data.render, which says how many photos to draw")
        return config
    from multiskin.data.render.cache import rendered

    with _progress("drawing photos") as progress:
        root = rendered(data.render, _faces(data.faces), progress)
    print(f"drawn photos: {root}; grades are skewed in training, less so in validation and test", file=sys.stderr)
    return replace(config, data=replace(data, root=str(root)))


def _faces(folder: str | None) -> list["Face"]:
    from multiskin.data.render.faces import load_faces

    return load_faces(Path(folder)) if folder is not None else []


def _warn(problems: Iterable[object]) -> None:
    from multiskin.run import first_process

    for problem in problems if first_process() else ():
        print(f"multiskin: warning: {problem}", file=sys.stderr)


def _console() -> "Console":
    from rich.console import Console

    return Console(width=None if sys.stdout.isatty() else 120)  # a log file is no 80 columns wide


@contextmanager
def _progress(what: str) -> Iterator[Callable[[int, int], None]]:
    """A bar on the terminal, gone when done; nothing where there is none."""
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as progress:
        task = progress.add_task(what, total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)


COMMANDS: dict[str, Callable[[list[str]], None]] = {
    "fit": fit,
    "validate": validate,
    "test": test,
    "report": report,
    "predict": predict,
    "data init": data_init,
    "data check": data_check,
    "data render": data_render,
}
