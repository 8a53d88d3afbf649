"""A run that differs from a finished one in its calibration alone, which comes last, takes over its training."""

import shutil
from dataclasses import asdict
from pathlib import Path

import yaml

from multiskin.compare.plan import PlannedRun
from multiskin.config import Recipe, head_recipes
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
    trained = None if folder.root.exists() else _trained_alike(run, folder.root.parent)
    if trained is None:
        return ""
    part = RunFolder(folder.root.with_name(f"{folder.root.name}.part"))
    shutil.rmtree(part.root, ignore_errors=True)  # of a copy that was cut short
    part.curves.parent.mkdir(parents=True)
    for name in ("schema", "split", "skipped", "curves"):
        if getattr(trained, name).is_file():
            shutil.copy(getattr(trained, name), getattr(part, name))
    recipes = head_recipes(run.config, run.schema.names)
    for checkpoint in (trained.best, trained.last):
        _copy_checkpoint(checkpoint, part.checkpoints / checkpoint.name, recipes)
    settings = yaml.safe_load(trained.config.read_text(encoding="utf-8"))
    settings |= {"recipe": asdict(run.config.recipe), "heads": run.config.heads, "out": str(folder.root.resolve())}
    write_whole(part.config, yaml.safe_dump(settings, sort_keys=False, allow_unicode=True))
    part.root.rename(folder.root)
    return trained.root.name


def _trained_alike(run: PlannedRun, runs: Path) -> RunFolder | None:
    """A run with these weights that was measured, and so is trained to its end, whatever its model is called."""
    alike = (RunFolder(place) for place in sorted(runs.glob(f"*-{run.config.seed}-{run.training}*")))
    return next((folder for folder in alike if folder.measured("val") and folder.last.is_file()), None)


def _copy_checkpoint(source: Path, target: Path, recipes: list[Recipe]) -> None:
    """As training left it, of heads with these recipes."""
    content = {name: part for name, part in read_checkpoint(source).items() if name not in AFTERWARDS}
    content["blueprint"] = content["blueprint"] | {"recipes": [asdict(recipe) for recipe in recipes]}
    write_checkpoint(content, target)
