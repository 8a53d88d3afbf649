"""Checkpoints that are written atomically, and the checks that let a run resume from one exactly."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import yaml
from pytorch_lightning.callbacks import Callback, ModelCheckpoint
from pytorch_lightning.plugins.io import TorchCheckpointIO

from multiskin.config import FitConfig, TrainerConfig
from multiskin.data.datamodule import SkinDataModule
from multiskin.data.photos import Photos
from multiskin.data.splits import split_table
from multiskin.errors import UserError
from multiskin.models.checkpoint import REMEDY, read_checkpoint, write_checkpoint
from multiskin.run import ANEW, RunFolder
from multiskin.schema import Schema

# Options that may differ when a run is resumed, since no weight depends on them.
CHANGEABLE = (
    "ckpt_path",
    "out",
    "offline",
    "test",
    "log",
    "data.root",
    "data.manifest",  # the photos themselves are compared
    "data.exclude",  # so are the remaining grades
    "data.relabel",  # and the corrected ones
    "data.num_workers",
    "data.cache",
    "data.cache_size",
    "model.gradient_checkpointing",
    "trainer.memory_budget",
    "trainer.progress",
    "trainer.every_n_train_steps",
)


class AtomicCheckpointIO(TorchCheckpointIO):
    """Writes checkpoints with write_checkpoint, so that each is complete or absent.

    Lightning's own implementation writes to the directory for temporary files first, and moving the file from there to
    another disk can be interrupted.
    """

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any | None = None) -> None:
        write_checkpoint(checkpoint, Path(path))


class Checkpoints(ModelCheckpoint):
    """A ModelCheckpoint for a run folder that may have been moved since the run was stopped."""

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        there, here = str(state_dict["dirpath"]), str(self.dirpath)

        def moved(value: Any) -> Any:
            if isinstance(value, dict):
                return {moved(path): score for path, score in value.items()}
            return value.replace(there, here, 1) if isinstance(value, str) else value

        super().load_state_dict({key: moved(value) for key, value in state_dict.items()})


class EverySteps(Checkpoints):
    """Writes last.ckpt every so many optimizer steps, except after an epoch's last batch, when it is written anyway.

    Between two batches of a step nothing is written, since a checkpoint does not hold the accumulated gradients.
    """

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        stepped = (batch_idx + 1) % trainer.accumulate_grad_batches == 0
        if stepped and not trainer.is_last_batch:
            super().on_train_batch_end(trainer, pl_module, outputs, batch, batch_idx)


def checkpoint_callbacks(options: TrainerConfig, mode: Any, run: RunFolder) -> list[Callback]:
    """best.ckpt by the monitored number; last.ckpt at the end of every epoch and, if asked for, every so many steps."""
    last: dict[str, Any] = {"dirpath": run.checkpoints, "filename": run.last.stem, "enable_version_counter": False}
    callbacks: list[Callback] = [
        Checkpoints(run.checkpoints, run.best.stem, options.monitor, mode=mode, enable_version_counter=False),
        Checkpoints(**last, save_on_train_epoch_end=True),
    ]
    if options.every_n_train_steps is not None:
        callbacks.append(EverySteps(**last, every_n_train_steps=options.every_n_train_steps))
    return callbacks


def find_checkpoint(run: RunFolder, ckpt_path: str) -> Path | None:
    """The checkpoint to resume from; None if the run was stopped before its first checkpoint.

    Raises:
        UserError: no such checkpoint.
    """
    if ckpt_path == run.last.stem:
        return run.last if run.last.is_file() else None
    if not Path(ckpt_path).is_file():
        raise UserError(f"ckpt_path: {ckpt_path}: no such file; give 'last' or the path of a checkpoint of the run")
    return Path(ckpt_path)


def finished_epochs(checkpoint: Path | None) -> int:
    """How many epochs were finished when a checkpoint was written.

    Raises:
        UserError: it cannot be read.
    """
    if checkpoint is None:
        return 0
    is_last = checkpoint.name == "last.ckpt"  # which has no backup
    return SkinDataModule.finished_epochs(read_checkpoint(checkpoint, ANEW if is_last else REMEDY))


def require_same_run(run: RunFolder, config: FitConfig, photos: Photos) -> None:
    """Makes sure that a run is resumed with the settings and photos that it was started with.

    Raises:
        UserError: the settings, attributes, photos or split are not those of the run.
    """
    saved = yaml.safe_load(run.config.read_text(encoding="utf-8"))
    before, now = (dict(deciding_settings(each)) for each in (saved, asdict(config)))
    if changed := changes(before, now):
        found = "; ".join(changed)
        raise UserError(
            f"--out {run.root}: holds a run with other settings: {found}; resume it with its own settings, or name "
            "another folder"
        )
    if Schema.load(run.schema) != photos.manifest.schema:
        raise UserError(f"--out {run.root}: holds a run with other attributes; name another folder")
    split = split_table(photos.manifest, photos.split).to_csv(index=False)
    if split != run.split.read_text(encoding="utf-8"):
        raise UserError(f"--out {run.root}: holds a run with other photos or another split; name another folder")


def changes(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """A description of each option whose value has changed, in the order of their names."""
    changed = [key for key in sorted(before.keys() | now.keys()) if before.get(key) != now.get(key)]
    return [f"{key} was {before.get(key)} and is {now.get(key)}" for key in changed]


def deciding_settings(values: Mapping[str, Any], where: str = "") -> Iterator[tuple[str, Any]]:
    """The settings that the trained weights depend on, with their full option names."""
    for name, value in values.items():
        option = f"{where}{name}"
        if option in CHANGEABLE or option == "schema":
            continue
        if isinstance(value, Mapping) and value:
            yield from deciding_settings(value, f"{option}.")
        else:
            yield option, value
