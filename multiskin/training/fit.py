"""One training run, from settings and photos to a run folder."""

import logging
import sys
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytorch_lightning as pl
import torch
import yaml
from pytorch_lightning.callbacks import Callback

from multiskin.config import FitConfig, Recipe, TrainerConfig, check_values, head_recipes
from multiskin.data.datamodule import SkinDataModule
from multiskin.data.manifest import Manifest
from multiskin.data.photos import Photos
from multiskin.data.transforms import Preprocessing, evaluation_transform, training_transform
from multiskin.decisions import credit_of
from multiskin.errors import UserError, unknown
from multiskin.losses import create_loss
from multiskin.metrics.ordinal import HIGHER_IS_BETTER, GradeMetrics, summarise
from multiskin.models.backbone import pretrained_backbone
from multiskin.models.blueprint import Blueprint
from multiskin.resampling import grade_distribution
from multiskin.rules import CREDIT
from multiskin.run import RunFolder, first_process, whole, write_whole
from multiskin.schema import MISSING, Schema
from multiskin.training.averaging import EMA
from multiskin.training.callbacks import EpochLine, Patience, ProgressBar
from multiskin.training.checkpoints import (
    WholeFiles,
    checkpoint_callbacks,
    find_checkpoint,
    finished_epochs,
    require_same_run,
)
from multiskin.training.interrupts import interruptible
from multiskin.training.loggers import check_loggers, create_loggers
from multiskin.training.memory import check_memory
from multiskin.training.module import SkinModule
from multiskin.training.optimizers import check_fused
from multiskin.training.processes import SharedStatistics, create_strategy, part_ways

Precision = Literal["32-true", "bf16-mixed", "16-mixed"]
THIRD_PARTY_WARNINGS = (
    ".*LeafSpec.* is deprecated",  # Lightning with a newer torch
    "This DataLoader will create",  # how many is the user's setting
    ".*does not have many workers",  # how many is the user's setting
    ".*`broadcast_buffers` is deprecated",  # in torch; its successor is younger than the torch we ask for
    ".*when logging on epoch level in distributed setting",  # what is logged so is the same on all of them
    "Checkpoint directory .* exists and is not empty",  # of a run that is gone on with
    ".*your dataloader is not resumable",  # its sampler is: see SkinDataModule
    ".*number of training batches .* is smaller than the logging interval",  # everything is logged by epoch
)


def check(config: FitConfig, schema: Schema) -> None:
    """Finds the mistakes in settings that can be found without a photo, before an hour is spent on them.

    Raises:
        UserError: the first one.
    """
    check_values(config)
    preprocessing = _preprocessing(config, (0.5,) * 3, (0.5,) * 3)
    evaluation_transform(preprocessing)
    recipes = head_recipes(config, schema.names)
    for attribute, recipe in zip(schema, recipes, strict=True):
        create_loss(recipe.loss, attribute, [1] * attribute.grades, **recipe.loss_options)
        grade_distribution(recipe.resample, np.ones(attribute.grades), attribute)
        credit_of(attribute, recipe.credit)
        _check_credit(recipe, attribute.name, config.heads.get(attribute.name, {}))
        training_transform(recipe.augment, preprocessing, f"heads.{attribute.name}.augment")
    monitor_mode(config.trainer.monitor, schema)
    accelerator(config.trainer)
    check_fused(config.optimizer, precision(config.trainer), bool(config.trainer.gradient_clip_val))
    check_loggers(config.log)
    counts = tuple((1,) * attribute.grades for attribute in schema)
    net = Blueprint(schema, config.model, tuple(recipes), counts).build()
    check_memory(config, net, precision(config.trainer))


def _check_credit(recipe: Recipe, name: str, own: Mapping[str, Any]) -> None:
    """A matrix is of use to the head, unless it is all heads' and this one was told to decide otherwise.

    Raises:
        UserError: it is not.
    """
    if recipe.credit is not None and recipe.decision != CREDIT and ("credit" in own or "decision" not in own):
        raise UserError(
            f"heads.{name}.credit: nothing asks for it, for decision is {recipe.decision}; give decision: credit, or "
            "leave it out"
        )


def credit_in_doubt(config: FitConfig, schema: Schema) -> str:
    """Which heads decide by credit on probabilities that are none of the grades, to be known before; "" if none.

    Credit counts each probability by what it averages to, which is known of a loss that is proper, and of a calibrator.
    """
    doubtful = [
        f"{attribute.name} ({recipe.loss})"
        for attribute, recipe in zip(schema, head_recipes(config, schema.names), strict=True)
        if attribute.ordinal
        and recipe.decision == CREDIT
        and recipe.calibration is None
        and not create_loss(recipe.loss, attribute, [1] * attribute.grades, **recipe.loss_options).proper
    ]
    if not doubtful:
        return ""
    return (
        f"{', '.join(doubtful)}: decision credit takes probabilities for those of the grades, and after such a loss "
        "they are not; give calibration: cumulative"
    )


def _preprocessing(config: FitConfig, mean: tuple[float, ...], std: tuple[float, ...]) -> Preprocessing:
    return Preprocessing(config.model.input_size, mean, std, tuple(config.data.transform), config.data.skin)


def check_weights(config: FitConfig) -> None:
    """Finds out whether the network's first weights can be had, and what the network makes of a photo.

    Raises:
        UserError: they cannot, or they do not fit.
    """
    pretrained_backbone(config.model, offline=config.offline)


def fit(config: FitConfig, photos: Photos) -> RunFolder:
    """Trains one model on graded photos; leaves settings, split, checkpoints and curves in config.out.

    Raises:
        UserError: settings that cannot be followed, or a loss that is not finite.
        OSError: no room, or no right to write; what is finished stays, to go on from.
    """
    schema = photos.manifest.schema
    check(config, schema)
    _check_validation(config.trainer.monitor, photos.side("val"))
    mode = monitor_mode(config.trainer.monitor, schema)
    module, data = build(config, photos)
    with _opened(config) as run, quiet_lightning():  # last, so that a mistake above leaves no folder behind
        checkpoint = _begin(run, config, photos)
        trainer = _create_trainer(config, mode, run, finished_epochs(checkpoint))
        with interruptible():
            trainer.fit(module, datamodule=data, ckpt_path=checkpoint, weights_only=True)
        part_ways()
    return run


def build(config: FitConfig, photos: Photos) -> tuple[SkinModule, SkinDataModule]:
    """What is trained, and what it is trained on; all that is random begins with the seed.

    Raises:
        UserError: first weights that cannot be had, or recipes that cannot be followed.
    """
    train, val = photos.side("train"), photos.side("val")
    recipes = head_recipes(config, train.schema.names)
    pl.seed_everything(config.seed, workers=True, verbose=False)
    backbone = pretrained_backbone(config.model, offline=config.offline)
    preprocessing = _preprocessing(config, tuple(backbone.mean), tuple(backbone.std))
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
    )
    if config.trainer.compile is not None:
        module.net.compile(mode=config.trainer.compile)
    return module, data


@contextmanager
def _opened(config: FitConfig) -> Iterator[RunFolder]:
    """A fresh folder, or that of the run to go on with, which may have been stopped before it left anything.

    Of several processes the first one opens it for all.
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


def _begin(run: RunFolder, config: FitConfig, photos: Photos) -> Path | None:
    """Saves what it takes to do the run again; of one that was begun before, finds the checkpoint to go on from."""
    if first_process() and not (config.ckpt_path and run.config.is_file()):
        _save_inputs(run, config, photos)
    if config.ckpt_path is None:
        return None
    require_same_run(run, config, photos)
    return find_checkpoint(run, config.ckpt_path)


@contextmanager
def quiet_lightning() -> Iterator[None]:
    """Without the warnings and notes that a user of this program can do nothing about."""
    for name in ("pytorch_lightning", "lightning_fabric"):
        logging.getLogger(name).setLevel(logging.WARNING)
    with warnings.catch_warnings():
        for message in THIRD_PARTY_WARNINGS:
            warnings.filterwarnings("ignore", message)
        yield


def _save_inputs(run: RunFolder, config: FitConfig, photos: Photos) -> None:
    """All that it takes to do the run again, the settings last: with them a run has begun."""
    with whole(run.schema) as part:
        photos.manifest.schema.save(part)
    photos.save(run.split, run.skipped)
    settings = asdict(config) | {"schema": run.schema.name, "ckpt_path": None}
    write_whole(run.config, yaml.safe_dump(settings, sort_keys=False, allow_unicode=True))


def _create_trainer(config: FitConfig, mode: str, run: RunFolder, finished: int) -> pl.Trainer:
    """Lightning's trainer for a run of which so many epochs are finished."""
    options = config.trainer
    return pl.Trainer(
        max_epochs=options.max_epochs,
        **step_options(options),
        logger=create_loggers(config, run, finished),
        callbacks=_callbacks(options, mode, run),
        plugins=[WholeFiles()],
        default_root_dir=run.root,
        enable_progress_bar=_shows_progress(options),
        enable_model_summary=False,
        num_sanity_val_steps=0,
        use_distributed_sampler=False,  # ours knows the ranks, and draws what the heads ask for
    )


def step_options(options: TrainerConfig) -> dict[str, Any]:
    """What a trainer is told of its steps: on what they are taken, and how."""
    return {
        "accelerator": accelerator(options),
        "devices": options.devices,
        "num_nodes": options.num_nodes,
        "strategy": create_strategy(options),
        "precision": precision(options),
        "accumulate_grad_batches": options.accumulate_grad_batches,
        "gradient_clip_val": options.gradient_clip_val,
        "deterministic": options.deterministic,
    }


def accelerator(options: TrainerConfig) -> str:
    """Not Lightning's own auto, which takes a Mac's GPU, where the metrics' float64 does not exist.

    Raises:
        UserError: cuda asked for where there is none.
    """
    there = torch.cuda.is_available()
    if options.accelerator == "cuda" and not there:
        raise UserError("trainer.accelerator: cuda, but torch sees no CUDA device; use cpu or auto")
    return "cuda" if there and options.accelerator != "cpu" else "cpu"


def precision(options: TrainerConfig) -> Precision:
    """Half precision where the GPU has a type for it that needs no scaling."""
    if options.precision != "auto":
        return options.precision
    return "bf16-mixed" if accelerator(options) == "cuda" and torch.cuda.is_bf16_supported() else "32-true"


def _shows_progress(options: TrainerConfig) -> bool:
    """A bar is drawn over and over, which only a terminal can."""
    return options.progress and sys.stdout.isatty()


def _callbacks(options: TrainerConfig, mode: str, run: RunFolder) -> list[Callback]:
    callbacks: list[Callback] = [*checkpoint_callbacks(options, mode, run), EpochLine(options.monitor)]
    if options.ema_decay is not None:
        callbacks.append(EMA(options.ema_decay))
    callbacks.append(SharedStatistics())  # after the averaged weights have taken their place
    if options.patience is not None:
        callbacks.append(Patience(options.monitor, patience=options.patience, mode=mode))
    if _shows_progress(options):
        callbacks.append(ProgressBar())
    return callbacks


def monitor_mode(monitor: str, schema: Schema) -> str:
    """Whether the monitored number is to be 'min' or 'max'.

    Raises:
        UserError: a number that validation does not give.
    """
    empty = GradeMetrics(schema)
    keys = summarise(empty.confusion, empty.rps_sums, schema)
    better = {f"val/{key}": HIGHER_IS_BETTER.get(key.split("/")[1]) for key in keys}
    higher = {"val/loss": False} | {key: value for key, value in better.items() if value is not None}
    if monitor not in higher:
        raise unknown("number", monitor, higher, "trainer.monitor")
    return "max" if higher[monitor] else "min"


def _check_validation(monitor: str, val: Manifest) -> None:
    """Validation has what the monitored number is computed from.

    Raises:
        UserError: it has not.
    """
    schema, head = val.schema, monitor.split("/")[1]
    averaged = [attribute.name for attribute in schema if attribute.ordinal and head == "mean"] or list(schema.names)
    names = [head] if head in schema.names else averaged
    if (val.grades[:, [schema.index(name) for name in names]] == MISSING).all():
        raise UserError(
            f"trainer.monitor: no validation photo is graded for {' or '.join(names)}, so {monitor} has no value; "
            "give validation photos in the split column, a larger share in data.split.ratios, or another monitor"
        )
