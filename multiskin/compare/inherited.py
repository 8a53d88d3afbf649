"""Reuses the training of a finished run for a run that differs only in calibration, which is fitted after training."""

import shutil
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

import yaml

from multiskin.compare.plan import PlannedRun
from multiskin.config import Recipe, head_recipes
from multiskin.documents import read_document, to_yaml
from multiskin.errors import UserError
from multiskin.inference.predictor import CALIBRATION, CONFORMAL, CREDITS, DECISIONS
from multiskin.models.checkpoint import read_checkpoint, write_checkpoint
from multiskin.run import RunFolder, write_atomically

ADDED_AFTER_TRAINING = (CALIBRATION, CONFORMAL, CREDITS, DECISIONS)  # added to a checkpoint after training


def reuse_training(run: PlannedRun, folder: RunFolder) -> str:
    """Copies the training of an identically trained sibling run, if there is one, into a run's new folder.

    Args:
        run: the run to train.
        folder: its folder; left unchanged if it already exists.

    Returns:
        The name of the run that was copied; "" if there is none.

    Raises:
        OSError: the disk is full, or the folder cannot be written.
    """
    if folder.root.exists():
        return ""
    for trained in _identically_trained(run, folder.root.parent):
        with suppress(UserError):  # its checkpoints may be unreadable; then try the next one
            _copy(trained, run, folder)
            return trained.root.name
    return ""


def find_teachers(run: PlannedRun, folder: RunFolder) -> None:
    """Corrects the teachers' folders in a run's own settings: a calibration renames them, and they move with the run.

    Args:
        run: whose name vouches that it learned from these teachers.
        folder: its folder; left alone if there is none, if the run has no teachers, or if its settings are damaged,
            which the run reports when it is resumed.
    """
    if not (run.teachers and folder.config.is_file()):
        return
    with suppress(UserError, KeyError, TypeError):
        settings = read_document(folder.config, "settings")
        teachers = run.teacher_folders(folder.root.parent)
        if settings["distillation"]["teachers"] != teachers:
            settings["distillation"]["teachers"] = teachers
            write_atomically(folder.config, to_yaml(settings))


def _identically_trained(run: PlannedRun, runs: Path) -> Iterator[RunFolder]:
    """Measured, hence fully trained, runs with the same seed and training digest, whatever their model's name."""
    candidates = (RunFolder(place) for place in sorted(runs.glob(f"*-{run.config.seed}-{run.training_digest}*")))
    return (folder for folder in candidates if "val" in folder.results() and folder.last.is_file())


def _copy(trained: RunFolder, run: PlannedRun, folder: RunFolder) -> None:
    """Copies everything but results, to a temporary folder that is renamed once complete."""
    part = RunFolder(folder.root.with_name(f"{folder.root.name}.part"))
    shutil.rmtree(part.root, ignore_errors=True)  # left over from a killed process
    try:
        _copy_training(trained, part, run)
        settings = yaml.safe_load(trained.config.read_text(encoding="utf-8"))
        settings |= {"recipe": asdict(run.config.recipe), "heads": run.config.heads, "out": str(folder.root.resolve())}
        write_atomically(part.config, to_yaml(settings))
        find_teachers(run, part)
        part.root.rename(folder.root)
    finally:
        shutil.rmtree(part.root, ignore_errors=True)


def _copy_training(trained: RunFolder, target: RunFolder, run: PlannedRun) -> None:
    """Copies schema, split, curves and checkpoints."""
    target.curves.parent.mkdir(parents=True)
    for name in ("schema", "split", "skipped", "curves"):
        if getattr(trained, name).is_file():
            shutil.copy(getattr(trained, name), getattr(target, name))
    recipes = head_recipes(run.config, run.schema.names)
    for checkpoint in (trained.best, trained.last):
        _copy_checkpoint(checkpoint, target.checkpoints / checkpoint.name, recipes)


def _copy_checkpoint(source: Path, target: Path, recipes: list[Recipe]) -> None:
    """Copies a checkpoint as training left it, with the heads' recipes replaced."""
    content = {name: part for name, part in read_checkpoint(source).items() if name not in ADDED_AFTER_TRAINING}
    content["blueprint"] = content["blueprint"] | {"recipes": [asdict(recipe) for recipe in recipes]}
    write_checkpoint(content, target)
