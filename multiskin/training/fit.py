"""One training run, from settings and photos to a run folder."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict

import pytorch_lightning as pl
import torch
import yaml
from pytorch_lightning.callbacks import Callback, EarlyStopping, ModelCheckpoint

from multiskin.config import FitConfig, TrainerConfig, head_recipes
from multiskin.data.datamodule import SkinDataModule
from multiskin.data.manifest import Manifest
from multiskin.data.photos import Photos
from multiskin.data.transforms import Preprocessing
from multiskin.errors import UserError, unknown
from multiskin.metrics.ordinal import HIGHER_IS_BETTER, GradeMetrics, summarise
from multiskin.models.backbone import pretrained_backbone
from multiskin.models.blueprint import Blueprint
from multiskin.run import RunFolder
from multiskin.schema import MISSING, Schema
from multiskin.training.averaging import ema
from multiskin.training.callbacks import EpochLine, ProgressBar
from multiskin.training.loggers import create_loggers
from multiskin.training.module import SkinModule

THIRD_PARTY_WARNINGS = (
    ".*LeafSpec.* is deprecated",  # Lightning with a newer torch
    "This DataLoader will create",
    ".*does not have many workers",  # how many is the user's setting
    ".*number of training batches .* is smaller than the logging interval",  # everything is logged by epoch
)


def fit(config: FitConfig, photos: Photos) -> RunFolder:
    """Trains one model on graded photos; leaves settings, split, checkpoints and curves in config.out.

    Raises:
        UserError: settings that cannot be followed, or a loss that is not finite.
    """
    schema, train, val = photos.manifest.schema, photos.side("train"), photos.side("val")
    recipes = head_recipes(config, schema.names)
    mode = _monitor_mode(config.trainer.monitor, schema)
    _check_validation(config.trainer.monitor, val)
    pl.seed_everything(config.seed, workers=True, verbose=False)
    backbone = pretrained_backbone(config.model, offline=config.offline)
    preprocessing = Preprocessing(
        config.model.input_size, tuple(backbone.mean), tuple(backbone.std), tuple(config.data.transform)
    )
    data = SkinDataModule(train, val, recipes, preprocessing, config.data, config.seed)
    counts = tuple(tuple(counts.tolist()) for counts in train.grade_counts())
    blueprint = Blueprint(schema, config.model, tuple(recipes), counts)
    module = SkinModule(blueprint.build(backbone), blueprint, preprocessing, config.optimizer)
    run = RunFolder.create(config.out)  # last, so that a mistake above leaves no folder behind
    _save_inputs(run, config, photos)
    with _quiet_lightning():
        _create_trainer(config, mode, run).fit(module, datamodule=data)
    return run


@contextmanager
def _quiet_lightning() -> Iterator[None]:
    """Without the warnings and notes that a user of this program can do nothing about."""
    logging.getLogger("pytorch_lightning").setLevel(logging.WARNING)
    with warnings.catch_warnings():
        for message in THIRD_PARTY_WARNINGS:
            warnings.filterwarnings("ignore", message)
        yield


def _save_inputs(run: RunFolder, config: FitConfig, photos: Photos) -> None:
    """All that it takes to do the run again."""
    photos.manifest.schema.save(run.schema)
    settings = asdict(config) | {"schema": run.schema.name}
    run.config.write_text(yaml.safe_dump(settings, sort_keys=False, allow_unicode=True), encoding="utf-8")
    photos.save(run.split, run.skipped)


def _create_trainer(config: FitConfig, mode: str, run: RunFolder) -> pl.Trainer:
    options = config.trainer
    return pl.Trainer(
        max_epochs=options.max_epochs,
        accelerator=_accelerator(options),
        devices=1,
        precision=options.precision,
        accumulate_grad_batches=options.accumulate_grad_batches,
        gradient_clip_val=options.gradient_clip_val,
        deterministic=options.deterministic,
        logger=create_loggers(config.log, run, offline=config.offline),
        callbacks=_callbacks(options, mode, run),
        default_root_dir=run.root,
        enable_progress_bar=options.progress,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        use_distributed_sampler=False,  # ours knows the ranks, and draws what the heads ask for
    )


def _accelerator(options: TrainerConfig) -> str:
    """Not Lightning's own auto, which takes a Mac's GPU, where the metrics' float64 does not exist.

    Raises:
        UserError: cuda asked for where there is none.
    """
    there = torch.cuda.is_available()
    if options.accelerator == "cuda" and not there:
        raise UserError("trainer.accelerator: cuda, but torch sees no CUDA device; use cpu or auto")
    return "cuda" if there and options.accelerator != "cpu" else "cpu"


def _callbacks(options: TrainerConfig, mode: str, run: RunFolder) -> list[Callback]:
    callbacks: list[Callback] = [
        ModelCheckpoint(run.checkpoints, run.best.stem, options.monitor, mode=mode, enable_version_counter=False),
        ModelCheckpoint(run.checkpoints, "last", enable_version_counter=False),
        EpochLine(options.monitor),
    ]
    if options.ema_decay is not None:
        callbacks.append(ema(options.ema_decay))
    if options.patience is not None:
        callbacks.append(EarlyStopping(options.monitor, patience=options.patience, mode=mode))
    if options.progress:
        callbacks.append(ProgressBar())
    return callbacks


def _monitor_mode(monitor: str, schema: Schema) -> str:
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
    """Validation has what the monitored number is computed from."""
    head = monitor.split("/")[1]
    graded = (val.grades != MISSING).any(axis=0)  # (H,)
    seen = dict(zip(val.schema.names, graded, strict=True))
    if not seen.get(head, graded.any()):
        raise UserError(
            f"trainer.monitor: no validation photo is graded for {head}, so {monitor} has no value; "
            "give validation photos in the split column, a larger share in data.split.ratios, or another monitor"
        )
