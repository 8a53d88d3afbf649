"""The command that explains a model's grades with maps of photos."""

from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from multiskin.cli.maps import measure_maps
from multiskin.cli.parsers import PHOTOS, Parser, add_inference_options, int_at_least, summary
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
    """Show where in photos a model sees each attribute, and measure how far these maps can be trusted."""
    options = _options(arguments)
    from multiskin.explain.heads import with_heads
    from multiskin.explain.scalars import parse_scalar
    from multiskin.inference.predictor import Predictor
    from multiskin.run import RunFolder

    run = _run_if_needed(options)
    RunFolder.require_free(options.out)  # before anything slow
    models = [RunFolder.checkpoint_at(model) for model in (options.model, options.against) if model is not None]
    predictors = [Predictor.from_checkpoint(model, options.device, options.detector) for model in models]
    schema, heads = predictors[0].schema, _heads(options.heads, [predictor.schema for predictor in predictors])
    predictors = [with_heads(predictor, heads) for predictor in predictors]
    scalar = parse_scalar(options.of, [pair for predictor in predictors for pair in _attribute_heads(predictor)])
    wanted, photos = _given(options, heads.names), None
    if run is not None:
        data = data_of(run, options, "multiskin explain", summary(explain))
        wanted += _worst(options, run, data, heads.names) if options.worst else []
        if options.evaluate:
            photos = photos_of_side(run, options.side, data, schema, "choose the other side with --side")
    out = RunFolder.create(options.out).root
    if wanted:
        _write_pictures(options, out, predictors, wanted, scalar, schema)
    if run is not None and photos is not None:
        measure_maps(options, list(zip(_model_names(options), predictors, strict=True)), photos, run, out)


def _options(arguments: list[str]) -> Namespace:
    options = _parser().parse_intermixed_args(arguments)  # else photos could not follow options
    from multiskin.explain.scales import RULES

    for option, known in (("scale", RULES), ("side", SIDES)):
        if getattr(options, option) not in known:
            raise unknown("value", getattr(options, option), known, f"--{option}")
    if not (options.photos or options.worst or options.evaluate):
        raise UserError("nothing to explain; give photos, --worst N or --evaluate")
    _require_all_apply(options, arguments)
    return options


def _parser() -> Parser:
    parser = Parser("multiskin explain", description=summary(explain))
    parser.add_argument("model", help="a run folder or a .ckpt file")
    parser.add_argument("photos", nargs="*", help=PHOTOS)
    parser.add_argument("--out", required=True, help="a new folder for the results")
    parser.add_argument("--column", default="image", help="the tables' column of paths, relative to the table")
    parser.add_argument("--heads", nargs="+", metavar="HEAD", help="which attributes; default: all")
    parser.add_argument(
        "--of",
        default="score",
        help="the quantity to explain: score, the expected grade; p2, the probability of grade 2; '>1', the "
        "probability of a grade above 1; logit2, the logit of grade 2; default: score",
    )
    parser.add_argument(
        "--scale",
        default="shared",
        help="shared: a colour stands for the same amount in all heads and photos; each: the strongest place of each "
        "head's map has the full colour, unless it is too weak; default: shared",
    )
    parser.add_argument("--signed", action="store_true", help="also show evidence for a lower grade")
    parser.add_argument(
        "--skin",
        action="store_true",
        help="detect skin: show maps only on skin, and report how much of them lies outside it",
    )
    parser.add_argument(
        "--worst",
        type=int_at_least(1),
        default=0,
        metavar="N",
        help="explain the N worst errors of each head in the run",
    )
    parser.add_argument(
        "--side", default="test", help="the photos for --worst and --evaluate: test or val; default: test"
    )
    parser.add_argument("--root", help="the folder of the run's photos, if they have moved")
    parser.add_argument("--against", metavar="MODEL", help="a second model, shown or measured side by side")
    parser.add_argument("--evaluate", action="store_true", help="measure the quality of the maps on the run's photos")
    parser.add_argument(
        "--sample",
        type=int_at_least(0),
        default=40,
        metavar="N",
        help="photos for the slow parts of --evaluate: deletion, insertion and randomised networks; default: 40",
    )
    add_inference_options(parser)
    return parser


def _require_all_apply(options: Namespace, arguments: Sequence[str]) -> None:
    """Refuses options that would have no effect."""
    pictures = ("photos or --worst N", options.photos or options.worst)
    of_run = ("--worst N or --evaluate", options.worst or options.evaluate)
    needs = dict.fromkeys(("--of", "--scale", "--signed"), pictures) | dict.fromkeys(("--side", "--root"), of_run)
    needs |= {"--column": ("photos", options.photos), "--sample": ("--evaluate", options.evaluate)}
    unmet = {option: needed for option, (needed, given) in needs.items() if not given}
    unused = [f"{option} needs {needed}" for option, needed in unmet.items() if is_given(option, arguments)]
    if unused:
        raise UserError(f"{', '.join(unused)}; give that, too, or leave {'it' if len(unused) == 1 else 'them'} out")


def _run_if_needed(options: Namespace) -> "RunFolder | None":
    """The run, if the options need its photos; None if they need only the photos given."""
    from multiskin.run import RunFolder

    asked = [option for option in ("worst", "evaluate") if getattr(options, option)]
    if asked and not Path(options.model).is_dir():
        raise UserError(f"--{asked[0]}: needs the run folder as the model; a checkpoint alone does not name its photos")
    return RunFolder.open(options.model) if asked else None


def _heads(names: Sequence[str] | None, schemas: Sequence["Schema"]) -> "Schema":
    """The named heads, or all that the models have in common, with the first model's descriptions.

    Raises:
        UserError: an unknown head, or one that the models do not have in common with the same grades.
    """
    from multiskin.schema import Schema

    scales = [{(each.name, each.kind, each.grades) for each in schema} for schema in schemas]
    shared = [each for each in schemas[0] if (each.name, each.kind, each.grades) in set.intersection(*scales)]
    if not shared:
        raise UserError("--against: no attribute has the same grades in both models; name a model that shares one")
    known = [attribute.name for attribute in shared]
    for name in names or ():
        if name not in known:
            raise unknown("attribute", name, known, "--heads")
    return Schema(tuple(attribute for attribute in shared if names is None or attribute.name in names))


def _attribute_heads(predictor: "Predictor") -> list[tuple["Attribute", "Head"]]:
    """Each attribute with its head."""
    return [(each, head) for each, (_, head) in zip(predictor.schema, predictor.net.named_heads(), strict=True)]


def _given(options: Namespace, heads: Sequence[str]) -> list["Wanted"]:
    """The pictures to make of the photos given."""
    from multiskin.inference.files import find_photos
    from multiskin.reports.gallery import Wanted

    paths = find_photos(options.photos, options.column) if options.photos else []
    return [Wanted("Photos", path, heads, {}) for path in paths]


def _worst(options: Namespace, run: "RunFolder", data: "DataConfig", heads: Sequence[str]) -> list["Wanted"]:
    """The pictures to make of the run's worst errors."""
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
    """Writes the gallery; schema has all heads of the model, so that scales do not depend on which heads are shown."""
    from multiskin.explain.overlays import EVIDENCE, SIGNED
    from multiskin.explain.photos import explain_files
    from multiskin.explain.scales import RULES
    from multiskin.reports.explained import Look
    from multiskin.reports.gallery import PAGE, write_gallery

    colours = SIGNED if options.signed else EVIDENCE
    look = Look(schema, _model_names(options), options.of, RULES[options.scale], colours)
    paths = [want.path for want in wanted]
    photos = explain_files(predictors, paths, scalar, options.batch_size, options.num_workers, options.skin)
    with progress("explaining photos") as advance:
        unread = write_gallery(out, wanted, photos, look, advance)
    warn(photo.error for photo in unread)
    if len(unread) == len(wanted):
        for page in out.glob("*.html"):  # so that the corrected command can use the folder
            page.unlink()
        remedy = "; if the run's photos have moved, name their folder with --root" if options.worst else ""
        raise UserError(f"none of {len(wanted)} photos could be read{remedy}")
    print(out / PAGE)


def _model_names(options: Namespace) -> list[str]:
    """A short name for each model; if these were equal, the shortest ends of their paths that differ."""
    paths = [Path(model).resolve() for model in (options.model, options.against) if model is not None]
    short = [_short_name(path) for path in paths]
    longest = max(len(path.parts) for path in paths)
    ends = (["/".join(path.parts[-parts:]) for path in paths] for parts in range(1, longest))
    return next((names for names in (short, *ends) if len(set(names)) == len(names)), short)


def _short_name(path: Path) -> str:
    """The name of the run's folder; for a checkpoint outside a run, its file name without the suffix."""
    if path.parent.name == "checkpoints":
        return path.parents[1].name
    return path.name if path.is_dir() else path.stem
