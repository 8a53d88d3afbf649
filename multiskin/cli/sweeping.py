"""The command that runs a hyperparameter search."""

import shlex
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from multiskin.cli.parsers import Parser, summary
from multiskin.cli.photos import checked_photos, with_photos_drawn
from multiskin.cli.settings import is_given, out_folder, parse
from multiskin.cli.terminal import console, status_printer, warn
from multiskin.errors import UserError

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser

    from multiskin.config import FitConfig
    from multiskin.schema import Schema
    from multiskin.search.space import Space
    from multiskin.search.sweep import Sweep

NAME = "multiskin sweep"


def sweep(arguments: list[str]) -> None:
    """Search for the best settings: train many runs, each with settings suggested by the results so far."""
    config, schema, options = parse(NAME, summary(sweep), arguments, _add_options)
    from multiskin.search.space import load_space, wandb_sweep
    from multiskin.training.checks import check, check_weights, monitor_mode

    if is_given("--ckpt_path", arguments):
        raise UserError("--ckpt_path: not for a sweep, which resumes when it is started again")
    check(config, schema)
    space = load_space(Path(options.space), config.trainer.monitor, schema.names)
    _check_space(space, config, schema, arguments)
    mode = monitor_mode(config.trainer.monitor, schema)
    root = out_folder(config, "sweep", arguments)
    if options.wandb is not None:
        if is_given("--jobs", arguments):
            raise UserError("--jobs: each W&B agent trains one run at a time; leave --jobs out, start several agents")
        told = config.trainer.monitor, mode, config.log.project, int(options.trials), _command(arguments, config, root)
        _write_wandb_sweep(Path(options.wandb), wandb_sweep(space, *told), config)
        return
    _require_optuna()
    from multiskin.search.sweep import Sweep
    from multiskin.search.trials import PARTS, train

    check_weights(config)
    photos = checked_photos(with_photos_drawn(config), schema)
    search = Sweep(root, config, photos, space, mode)
    failures = train(search, options.trials, options.jobs, status_printer(PARTS * options.trials))
    warn(f"{name}: {reason}" for name, reason in failures.items())
    _report(search)


def _add_options(parser: "ArgumentParser") -> None:
    from jsonargparse.typing import PositiveInt

    parser.add_argument(
        "--space", required=True, help="a YAML file of options to search, such as configs/sweeps/first.yaml"
    )
    parser.add_argument("--trials", type=PositiveInt, default=20, help="runs of all processes that share the sweep")
    parser.add_argument("--jobs", type=PositiveInt, default=1, help="runs at the same time; they share the cores")
    parser.add_argument("--wandb", help="write the sweep to this file for 'wandb sweep' instead, and train nothing")


def _check_space(space: "Space", config: "FitConfig", schema: "Schema", arguments: list[str]) -> None:
    """Checks the values to try now, so that a mistake does not show up after hours of training."""
    from multiskin.compare.study import as_text
    from multiskin.config import with_options
    from multiskin.training.checks import check

    for option, dimension in space.items():
        for value in dimension.bounds:
            try:
                parse(NAME, "", [*arguments, f"--{option}={as_text(value)}"], _add_options)
                check(with_options(config, {option: value}), schema)
            except UserError as error:
                raise UserError(f"--space: {option}: {str(error).removeprefix(f'{option}: ')}") from error


def _require_optuna() -> None:
    for package in ("optuna", "sklearn"):
        if find_spec(package) is None:
            raise UserError(f"sweep: {package} is not installed; run: pip install 'multiskin[sweep]'")


def _report(search: "Sweep") -> None:
    """Draws and prints the sweep's results so far.

    Raises:
        UserError: no trial has finished.
    """
    from multiskin.reports.sweep import draw_importances, draw_trials, print_best
    from multiskin.run import RunFolder

    ranking, importances, folder = search.ranking(), search.importances(), RunFolder(search.root)
    if ranking.empty:
        raise UserError(f"--out {search.root}: no trial has finished; their output is in its runs/*.log")
    with search.locked():
        draw_trials(ranking, search.space, search.mode, folder.figure("parallel_coordinates"))
        if importances:
            draw_importances(importances, len(ranking), search.config.trainer.monitor, folder.figure("importances"))
    print_best(ranking, console())
    if unfinished := (search.table()["state"] == "unfinished").sum():
        print(f"{unfinished} unfinished: running in other processes, or stopped and resumed at the next start")
    print(f"all trials: {search.root / 'trials.csv'}, figures/")
    print(f"train with the best: multiskin fit --config {search.best}")


def _command(arguments: list[str], config: "FitConfig", root: Path) -> str:
    """The shell command a W&B agent runs: each run in a folder named by its id, with the options the agent appends."""
    own = Parser(NAME, add_help=False)
    for option in ("--space", "--trials", "--jobs", "--wandb", "--out"):
        own.add_argument(option)
    loggers = ",".join(dict.fromkeys([*config.log.logger, "wandb"]))
    fit = ["python", "-m", "multiskin", "fit", *own.parse_known_args(arguments)[1]]
    fit += ["--test=false", f"--log.logger=[{loggers}]", "--out"]
    return f'exec {shlex.join(fit)} {shlex.quote(str(root))}/"$WANDB_RUN_ID" "$@"'


def _write_wandb_sweep(path: Path, content: dict[str, Any], config: "FitConfig") -> None:
    import yaml

    from multiskin.run import write_atomically

    if path.exists():
        raise UserError(f"--wandb {path}: already exists; name another file or remove this one")
    if config.offline:
        raise UserError("--wandb: W&B's agents need the network; leave --offline out")
    write_atomically(path, yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=1000))
    print(f"run: wandb sweep {path}\nthen start the 'wandb agent' that it prints in this folder, as often as you like")
