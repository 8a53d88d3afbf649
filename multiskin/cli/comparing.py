"""The commands that train several models and compare them: compare and study."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from multiskin.cli.parsers import Parser, int_at_least, summary
from multiskin.cli.photos import checked_photos, with_photos_drawn
from multiskin.cli.settings import fit_config, is_given, out_folder, parse
from multiskin.cli.terminal import console, status_printer
from multiskin.errors import UserError

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser

    from multiskin.compare.study import Study
    from multiskin.config import FitConfig
    from multiskin.schema import Schema


def compare(arguments: list[str]) -> None:
    """Train one shared model and one model per attribute, and compare their results and costs."""
    config, schema, options = parse("multiskin compare", summary(compare), arguments, _add_options)
    from multiskin.compare.comparison import summarise, with_cost
    from multiskin.compare.earlier import set_aside
    from multiskin.compare.plan import check_seeds, interval_notice, plan_comparison, require_measurable
    from multiskin.compare.runs import Runs
    from multiskin.reports.comparison import FILES, write_comparison
    from multiskin.reports.tables import print_comparison
    from multiskin.training.checks import check, check_weights

    for option in ("--seed", "--ckpt_path"):
        if is_given(option, arguments):
            raise UserError(f"{option}: not for a comparison, which has --seeds and resumes when it is started again")
    # YAML cannot represent the parser's number types
    seeds = [int(seed) for seed in options.seeds]
    distill = None if options.distill is None else float(options.distill)
    single_epochs = None if options.single_epochs is None else int(options.single_epochs)
    if single_epochs is not None and options.protocol == "equal-compute":
        raise UserError("--single-epochs: not with --protocol equal-compute, which sets the training of single models")
    if distill is not None and options.protocol == "equal-compute":
        raise UserError("--distill: not with --protocol equal-compute, since its training includes the single models'")
    if config.distillation is not None:
        raise UserError("distillation: not for a comparison; with --distill, it learns from its own single models")
    check_seeds(seeds)
    check(config, schema)
    check_weights(config)
    root = out_folder(config, "compare", arguments)
    config = with_photos_drawn(config)
    photos = checked_photos(config, schema)
    require_measurable(photos, ("val", "test") if config.test else ("val",))
    _print_if_any(interval_notice(photos, "test" if config.test else "val"))
    planned = plan_comparison(config, photos, seeds, options.protocol, distill, single_epochs)
    for run in planned:
        check(run.config, run.schema)
    runs = Runs(root, "test" if config.test else "val", "compare")
    with runs.opened():
        _print_if_any(set_aside(runs, planned, {"protocol": options.protocol}, FILES))
        failures = runs.train(planned, options.jobs, status_printer(sum(run.work for run in planned)))
        comparison = summarise(runs, planned, options.protocol, failures)
        write_comparison(comparison, root)  # before measuring the cost, which may run out of memory
        print_comparison(comparison, console())
        try:
            page = write_comparison(with_cost(comparison, runs, planned), root)
        except UserError as error:
            write_comparison(replace(comparison, no_cost=str(error)), root)
            raise
    print(f"report: {page}")
    require_no_failures(failures, len(planned))


def study(arguments: list[str]) -> None:
    """Train variants of one factor (losses, samplers, backbones, resolutions) and compare each with a baseline."""
    options, fit_arguments = _study_parser().parse_known_args(arguments)
    from multiskin.compare.earlier import set_aside
    from multiskin.compare.findings import summarise_study
    from multiskin.compare.plan import check_seeds, interval_notice, require_measurable
    from multiskin.compare.runs import Runs
    from multiskin.compare.study import Study, plan_study
    from multiskin.reports.study import FILES, write_findings

    for option in ("--seed", "--ckpt_path", "--schema"):
        if is_given(option, fit_arguments):
            raise UserError(f"{option}: not for a study, which has --seeds and resumes when it is started again")
    definition = Study.load(options.config)
    definition = definition.in_full() if options.full else definition
    seeds = options.seeds or definition.seeds
    check_seeds(seeds)
    configs, schema = _variants(definition, options.config, fit_arguments)
    baseline = with_photos_drawn(configs[definition.baseline])
    configs = {row: replace(each, data=replace(each.data, root=baseline.data.root)) for row, each in configs.items()}
    photos = checked_photos(baseline, schema)
    require_measurable(photos, ("val", "test") if baseline.test else ("val",))
    _print_if_any(interval_notice(photos, "test" if baseline.test else "val"))
    planned = plan_study(configs, photos, seeds)
    root = options.out or Path("runs") / options.config.stem
    runs = Runs(root, "test" if baseline.test else "val", "study")
    with runs.opened():
        _print_if_any(set_aside(runs, planned, {"baseline": definition.baseline}, FILES))
        failures = runs.train(planned, options.jobs, status_printer(sum(run.work for run in planned)))
        table = write_findings(summarise_study(definition, runs, planned, failures), root)
    print(f"{table.read_text(encoding='utf-8')}\n{table}")
    require_no_failures(failures, len(planned))


def _study_parser() -> Parser:
    parser = Parser("multiskin study", description=f"{summary(study)} Options of 'fit' apply to all variants.")
    parser.add_argument("--config", type=Path, required=True, help="the study, a YAML file such as configs/studies/*")
    parser.add_argument("--full", action="store_true", help="use what the file lists under 'full', which takes longer")
    parser.add_argument("--seeds", type=int_at_least(0), nargs="+", help="seeds of each variant; default: the file's")
    parser.add_argument("--jobs", type=int_at_least(1), default=1, help="runs at the same time; they share the cores")
    parser.add_argument("--out", type=Path, help="folder for the runs and tables; default: runs/NAME")
    return parser


def _variants(definition: "Study", file: Path, fit_arguments: list[str]) -> tuple[dict[str, "FitConfig"], "Schema"]:
    """The settings of each variant, which share their photos, and the schema.

    Raises:
        UserError: wrong settings, or variants with different photos.
    """
    from multiskin.compare.study import require_same_photos
    from multiskin.training.checks import check, check_weights

    base = ["--config", str(file.parent / definition.config)] if definition.config else []
    configs, schemas = {}, {}
    for row in definition.rows:
        try:
            config, schema = fit_config("multiskin fit", "", [*base, *definition.arguments(row), *fit_arguments])
            check(config, schema)
            check_weights(config)
        except UserError as error:
            raise UserError(f"study {file}: row {row}: {error}") from error
        configs[row], schemas[row] = config, schema
    require_same_photos(configs)
    return configs, schemas[definition.baseline]


def _print_if_any(what: str) -> None:
    if what:
        print(what, flush=True)


def require_no_failures(failures: dict[str, str], planned: int) -> None:
    if failures:
        reasons = "".join(f"\n  {title}: {reason}" for title, reason in failures.items())
        raise UserError(f"{len(failures)} of {planned} runs failed; start again to retry them:{reasons}")


def _add_options(parser: "ArgumentParser") -> None:
    from jsonargparse.typing import NonNegativeInt, PositiveFloat, PositiveInt

    parser.add_argument("--seeds", type=NonNegativeInt, nargs="+", default=[0, 1, 2], help="one set of models per seed")
    parser.add_argument(
        "--protocol",
        choices=["equal-epochs", "equal-compute"],
        default="equal-epochs",
        help="equal-epochs: each single model trains for as many epochs as the shared one, on its own photos; "
        "equal-compute: together they see as many photos as the shared model, and trainer.patience is ignored",
    )
    parser.add_argument(
        "--distill",
        type=PositiveFloat,
        metavar="WEIGHT",
        help="the shared model also learns the probabilities of the single models of its seed, with this weight "
        "relative to the grades, such as 3; default: from the grades only",
    )
    parser.add_argument(
        "--single-epochs",
        type=PositiveInt,
        metavar="N",
        help="epochs of each single model, if not trainer.max_epochs, which is then the shared model's only",
    )
    parser.add_argument("--jobs", type=PositiveInt, default=1, help="runs at the same time; they share the cores")
