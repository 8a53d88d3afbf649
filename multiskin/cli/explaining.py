"""The command that shows where in photographs a model sees what it grades."""

from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from multiskin.cli.maps import measure_maps
from multiskin.cli.parsers import Parser, add_inference_options, summary, whole
from multiskin.cli.photos import SIDES, data_of, photos_of_side
from multiskin.cli.settings import is_given
from multiskin.cli.terminal import progress, warn
from multiskin.errors import UserError, unknown

if TYPE_CHECKING:
    from multiskin.config import DataConfig
    from multiskin.explain.scalars import Scalar
    from multiskin.heads import Head
    from multiskin.inference.predictor import Predictor
    from multiskin.reports.gallery import Wanted
    from multiskin.run import RunFolder
    from multiskin.schema import Attribute, Schema


def explain(arguments: list[str]) -> None:
    """Show where in photographs a model sees each attribute, and measure how far that can be trusted."""
    options = _options(arguments)
    from multiskin.explain.heads import with_heads
    from multiskin.explain.scalars import parse_scalar
    from multiskin.inference.predictor import Predictor
    from multiskin.run import RunFolder

    run = _run_of(options)
    RunFolder.require_free(options.out)  # before photos are drawn
    models = [RunFolder.checkpoint_at(model) for model in (options.model, options.against) if model is not None]
    predictors = [Predictor.from_checkpoint(model, options.device, options.detector) for model in models]
    schema, heads = predictors[0].schema, _heads(options.heads, [predictor.schema for predictor in predictors])
    predictors = [with_heads(predictor, heads) for predictor in predictors]
    scalar = parse_scalar(options.of, [graded for predictor in predictors for graded in _graded(predictor)])
    wanted, photos = _given(options, heads.names), None
    if run is not None:
        data = data_of(run, options, "multiskin explain", summary(explain))
        wanted += _worst(options, run, data, heads.names) if options.worst else []
        if options.evaluate:
            photos = photos_of_side(run, options.side, data, schema, "name the other one with --side")
    out = RunFolder.create(options.out).root
    if wanted:
        _write_pictures(options, out, predictors, wanted, scalar, schema)
    if run is not None and photos is not None:
        measure_maps(options, list(zip(_called(options), predictors, strict=True)), photos, run, out)


def _options(arguments: list[str]) -> Namespace:
    options = _parser().parse_intermixed_args(arguments)  # or photos could not stand behind options
    from multiskin.explain.scales import RULES

    for option, known in (("scale", RULES), ("side", SIDES)):
        if getattr(options, option) not in known:
            raise unknown("word", getattr(options, option), known, f"--{option}")
    if not (options.photos or options.worst or options.evaluate):
        raise UserError("nothing to explain; give photos, --worst N or --evaluate")
    _require_all_apply(options, arguments)
    return options


def _parser() -> Parser:
    parser = Parser("multiskin explain", description=summary(explain))
    parser.add_argument("model", help="a run folder or a .ckpt file")
    parser.add_argument("photos", nargs="*", help="pictures, folders of pictures, .csv or .parquet tables")
    parser.add_argument("--out", required=True, help="a new folder for the results")
    parser.add_argument("--column", default="image", help="the tables' column of paths, relative to the table")
    parser.add_argument("--heads", nargs="+", metavar="HEAD", help="which attributes; default: all")
    parser.add_argument(
        "--of",
        default="score",
        help="what is explained: score, the expected grade; p2, the probability of grade 2; '>1', that of a grade "
        "above 1; logit2, the logit of grade 2; default: score",
    )
    parser.add_argument(
        "--scale",
        default="shared",
        help="shared: a colour means the same amount in every head and photo; each: every head's strongest place has "
        "the full colour unless it is too weak; default: shared",
    )
    parser.add_argument("--signed", action="store_true", help="also show what speaks for a lower grade")
    parser.add_argument(
        "--skin",
        action="store_true",
        help="look for skin: show maps only on skin, and say how much of them lies outside it",
    )
    parser.add_argument("--worst", type=whole(1), default=0, metavar="N", help="each head's N worst errors in the run")
    parser.add_argument(
        "--side", default="test", help="the photos of --worst and --evaluate: test or val; default: test"
    )
    parser.add_argument("--root", help="where the run's photos are now; default: where they were")
    parser.add_argument("--against", metavar="MODEL", help="another model, to show or measure alongside")
    parser.add_argument("--evaluate", action="store_true", help="measure the maps on the run's photos")
    parser.add_argument(
        "--sample",
        type=whole(0),
        default=40,
        metavar="N",
        help="photos for the slow parts of --evaluate: deletion, insertion and randomised networks; default: 40",
    )
    add_inference_options(parser)
    return parser


def _require_all_apply(options: Namespace, arguments: Sequence[str]) -> None:
    """Refuses options that would change nothing."""
    pictures = ("photos or --worst N", options.photos or options.worst)
    of_run = ("--worst N or --evaluate", options.worst or options.evaluate)
    needs = dict.fromkeys(("--of", "--scale", "--signed"), pictures) | dict.fromkeys(("--side", "--root"), of_run)
    needs |= {"--column": ("photos", options.photos), "--sample": ("--evaluate", options.evaluate)}
    unmet = {option: what for option, (what, there) in needs.items() if not there}
    idle = [f"{option} needs {what}" for option, what in unmet.items() if is_given(option, arguments)]
    if idle:
        raise UserError(f"{', '.join(idle)}; give that, too, or leave {'it' if len(idle) == 1 else 'them'} out")


def _run_of(options: Namespace) -> "RunFolder | None":
    """The run whose photos the options ask for; None where they ask only for the photos given."""
    from multiskin.run import RunFolder

    asked = [option for option in ("worst", "evaluate") if getattr(options, option)]
    if asked and not Path(options.model).is_dir():
        raise UserError(f"--{asked[0]}: needs the run folder as the model; a checkpoint alone knows no photos")
    return RunFolder.open(options.model) if asked else None


def _heads(names: Sequence[str] | None, schemas: Sequence["Schema"]) -> "Schema":
    """The heads asked for, or all that the models share, as the first model describes them.

    Raises:
        UserError: no such head, or one that not every model has with the same grades.
    """
    from multiskin.schema import Schema

    graded = [{(each.name, each.kind, each.grades) for each in schema} for schema in schemas]
    shared = [each for each in schemas[0] if (each.name, each.kind, each.grades) in set.intersection(*graded)]
    if not shared:
        raise UserError("--against: no attribute with the same grades in both models; name a model that shares one")
    known = [attribute.name for attribute in shared]
    for name in names or ():
        if name not in known:
            raise unknown("attribute", name, known, "--heads")
    return Schema(tuple(attribute for attribute in shared if names is None or attribute.name in names))


def _graded(predictor: "Predictor") -> list[tuple["Attribute", "Head"]]:
    """Each head with the attribute that it grades."""
    return [(each, head) for each, (_, head) in zip(predictor.schema, predictor.net.named_heads(), strict=True)]


def _given(options: Namespace, heads: Sequence[str]) -> list["Wanted"]:
    """The pictures to be made of the photos given."""
    from multiskin.inference.files import find_photos
    from multiskin.reports.gallery import Wanted

    paths = find_photos(options.photos, options.column) if options.photos else []
    return [Wanted("Photos", path, heads, {}) for path in paths]


def _worst(options: Namespace, run: "RunFolder", data: "DataConfig", heads: Sequence[str]) -> list["Wanted"]:
    """The pictures to be made of the run's worst errors."""
    from multiskin.reports.gallery import worst_errors
    from multiskin.reports.graded import GradedPredictions

    predictions = GradedPredictions.of_run(run, options.side)
    errors = worst_errors(predictions, heads, options.worst, Path(data.root))
    warn([] if errors else [f"--worst: no head has an error on the {options.side} photos"])
    return errors


def _write_pictures(
    options: Namespace,
    out: Path,
    predictors: list["Predictor"],
    wanted: list["Wanted"],
    scalar: "Scalar",
    schema: "Schema",
) -> None:
    """Draws maps, on a scale of all heads of the schema, so that colours mean the same whichever are asked for."""
    from multiskin.explain.overlays import EVIDENCE, SIGNED
    from multiskin.explain.photos import explain_files
    from multiskin.explain.scales import RULES
    from multiskin.reports.explained import Look
    from multiskin.reports.gallery import PAGE, write_gallery

    colours = SIGNED if options.signed else EVIDENCE
    look = Look(schema, _called(options), options.of, RULES[options.scale], colours)
    paths = [want.path for want in wanted]
    photos = explain_files(predictors, paths, scalar, options.batch_size, options.num_workers, options.skin)
    with progress("explaining photos") as advance:
        unread = write_gallery(out, wanted, photos, look, advance)
    warn(photo.error for photo in unread)
    if len(unread) == len(wanted):
        raise UserError(f"none of {len(wanted)} photos could be read")
    print(out / PAGE)


def _called(options: Namespace) -> list[str]:
    """A short name for each model, or where these would be equal, the shortest ends of their paths that differ."""
    paths = [Path(model).resolve() for model in (options.model, options.against) if model is not None]
    short = [_short_name(path) for path in paths]
    longest = max(len(path.parts) for path in paths)
    ends = (["/".join(path.parts[-parts:]) for path in paths] for parts in range(1, longest))
    return next((names for names in (short, *ends) if len(set(names)) == len(names)), short)


def _short_name(path: Path) -> str:
    """The name of a run's folder, or of a checkpoint file without its ending where it lies in no run."""
    if path.parent.name == "checkpoints":
        return path.parents[1].name
    return path.name if path.is_dir() else path.stem
