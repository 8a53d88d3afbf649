"""A run that differs from a finished one in its calibration alone, which comes last, takes over its training."""

import shutil
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

import yaml

from multiskin.compare.plan import PlannedRun
from multiskin.config import Recipe, head_recipes
from multiskin.documents import to_yaml
from multiskin.errors import UserError
from multiskin.inference.predictor import CALIBRATION, CONFORMAL, CREDITS, DECISIONS
from multiskin.models.checkpoint import read_checkpoint, write_checkpoint
from multiskin.run import RunFolder, write_whole

AFTERWARDS = (CALIBRATION, CONFORMAL, CREDITS, DECISIONS)  # what a checkpoint gets once it is trained


def take_over(run: PlannedRun, folder: RunFolder) -> str:
    """Makes a run's folder what it is at the end of training, if one beside it was trained alike.

    Args:
        run: that is to be trained.
        folder: where it goes; one that is there already stays as it is.

    Returns:
        The name of the run whose training it has; "" if there is none.

    Raises:
        OSError: no room, or no right to write.
    """
    if folder.root.exists():
        return ""
    for trained in _trained_alike(run, folder.root.parent):
        with suppress(UserError):  # one whose checkpoints cannot be read any more is of no use
            _copy(trained, run, folder)
            return trained.root.name
    return ""


def _trained_alike(run: PlannedRun, runs: Path) -> Iterator[RunFolder]:
    """Runs with these weights that were measured, and so are trained to their end, whatever their model is called."""
    alike = (RunFolder(place) for place in sorted(runs.glob(f"*-{run.config.seed}-{run.training}*")))
    return (folder for folder in alike if "val" in folder.results() and folder.last.is_file())


def _copy(trained: RunFolder, run: PlannedRun, folder: RunFolder) -> None:
    """Everything but results, under another name until it is whole."""
    part = RunFolder(folder.root.with_name(f"{folder.root.name}.part"))
    shutil.rmtree(part.root, ignore_errors=True)  # of a process that was killed
    try:
        _copy_training(trained, part, run)
        settings = yaml.safe_load(trained.config.read_text(encoding="utf-8"))
        settings |= {"recipe": asdict(run.config.recipe), "heads": run.config.heads, "out": str(folder.root.resolve())}
        write_whole(part.config, to_yaml(settings))
        part.root.rename(folder.root)
    finally:
        shutil.rmtree(part.root, ignore_errors=True)


def _copy_training(trained: RunFolder, target: RunFolder, run: PlannedRun) -> None:
    """Split, curves and checkpoints."""
    target.curves.parent.mkdir(parents=True)
    for name in ("schema", "split", "skipped", "curves"):
        if getattr(trained, name).is_file():
            shutil.copy(getattr(trained, name), getattr(target, name))
    recipes = head_recipes(run.config, run.schema.names)
    for checkpoint in (trained.best, trained.last):
        _copy_checkpoint(checkpoint, target.checkpoints / checkpoint.name, recipes)


def _copy_checkpoint(source: Path, target: Path, recipes: list[Recipe]) -> None:
    """As training left it, of heads with these recipes."""
    content = {name: part for name, part in read_checkpoint(source).items() if name not in AFTERWARDS}
    content["blueprint"] = content["blueprint"] | {"recipes": [asdict(recipe) for recipe in recipes]}
    write_checkpoint(content, target)
