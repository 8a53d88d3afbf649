"""One training run, from settings and photos to a run folder."""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

import pytorch_lightning as pl

from multiskin.config import DistillationConfig, FitConfig, Recipe, head_recipes
from multiskin.data.datamodule import SkinDataModule
from multiskin.data.photos import Photos
from multiskin.data.preprocessing import Preprocessing
from multiskin.documents import to_yaml
from multiskin.losses.base import in_range
from multiskin.models.backbone import pretrained_backbone
from multiskin.models.blueprint import Blueprint
from multiskin.run import RunFolder, atomic_path, first_process, write_atomically
from multiskin.schema import Schema
from multiskin.training.checkpoints import find_checkpoint, finished_epochs, require_same_run
from multiskin.training.checks import check, check_last_batch, check_validation, monitor_mode
from multiskin.training.distillation import Distillation, load_teachers
from multiskin.training.interrupts import interruptible
from multiskin.training.module import SkinModule
from multiskin.training.processes import end_process_group
from multiskin.training.trainer import create_trainer, quiet_lightning


def fit(config: FitConfig, photos: Photos) -> RunFolder:
    """Trains one model on graded photos and writes settings, split, checkpoints and logs to config.out.

    Raises:
        UserError: invalid settings, or a loss that is not finite.
        OSError: the disk is full, or the folder is not writable; the run can be resumed from its last checkpoint.
    """
    schema = photos.manifest.schema
    check(config, schema)
    check_validation(config.trainer.monitor, photos.side("val"))
    mode = monitor_mode(config.trainer.monitor, schema)
    module, data = build(config, photos)
    processes = config.trainer.devices * config.trainer.num_nodes
    check_last_batch(module.net.backbone, config, data.draws_per_rank(processes))
    with _opened(config) as run, quiet_lightning():  # last, so that an error above leaves no folder behind
        checkpoint = _start(run, config, photos)
        trainer = create_trainer(config, mode, run, finished_epochs(checkpoint))
        with interruptible():
            trainer.fit(module, datamodule=data, ckpt_path=checkpoint, weights_only=True)
        end_process_group()
    return run


def build(config: FitConfig, photos: Photos) -> tuple[SkinModule, SkinDataModule]:
    """The module to train and its data; seeds all random number generators.

    Raises:
        UserError: pretrained weights that are not available, or invalid recipes.
    """
    train, val = photos.side("train"), photos.side("val")
    recipes = head_recipes(config, train.schema.names)
    pl.seed_everything(config.seed, workers=True, verbose=False)
    backbone = pretrained_backbone(config.model, offline=config.offline)
    preprocessing = Preprocessing.from_settings(config, tuple(backbone.mean), tuple(backbone.std))
    data = SkinDataModule(train, val, recipes, preprocessing, config.data, config.seed)
    counts = tuple(tuple(counts.tolist()) for counts in train.grade_counts())
    blueprint = Blueprint(train.schema, config.model, tuple(recipes), counts, train.graded_parts())
    module = SkinModule(
        blueprint.build(backbone),
        blueprint,
        preprocessing,
        config.optimizer,
        config.seed,
        config.weighting,
        config.log.gradients,
        _distillation(config.distillation, train.schema, recipes, preprocessing),
    )
    if config.trainer.compile is not None:
        module.net.compile(mode=config.trainer.compile)
    return module, data


def _distillation(
    options: DistillationConfig | None, schema: Schema, recipes: Sequence[Recipe], preprocessing: Preprocessing
) -> Distillation | None:
    if options is None:
        return None
    teachers = load_teachers(options.teachers, schema, recipes, preprocessing)
    return Distillation(teachers, preprocessing, in_range("distillation.weight", options.weight, 0, math.inf))


@contextmanager
def _opened(config: FitConfig) -> Iterator[RunFolder]:
    """A new run folder, or that of the run to resume, which may have been stopped before it wrote anything.

    With several processes, the first one creates and locks it for all.
    """
    run = RunFolder(Path(config.out))
    if not first_process():
        yield run
        return
    if config.ckpt_path and run.root.is_dir():
        run.require_ours()
    else:
        RunFolder.create(config.out)
    with run.locked():
        yield run


def _start(run: RunFolder, config: FitConfig, photos: Photos) -> Path | None:
    """Saves the inputs of a new run; for a run that is resumed, returns the checkpoint to resume from, if any."""
    if first_process() and not (config.ckpt_path and run.config.is_file()):
        _save_inputs(run, config, photos)
    if config.ckpt_path is None:
        return None
    require_same_run(run, config, photos)
    return find_checkpoint(run, config.ckpt_path)


def _save_inputs(run: RunFolder, config: FitConfig, photos: Photos) -> None:
    """Saves what is needed to reproduce the run, the settings last: a folder that has them holds a run."""
    with atomic_path(run.schema) as part:
        photos.manifest.schema.save(part)
    photos.save(run.split, run.skipped)
    settings = asdict(config) | {"schema": run.schema.name, "ckpt_path": None}
    write_atomically(run.config, to_yaml(settings))
