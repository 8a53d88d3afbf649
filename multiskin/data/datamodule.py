"""The data loaders of a run."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from torch.utils.data import DataLoader, Dataset, Sampler

from multiskin.config import DataConfig, Recipe
from multiskin.data.cache import cache_pictures
from multiskin.data.dataset import GradedPhotos, Item, TrainingPhotos
from multiskin.data.manifest import Manifest
from multiskin.data.sampling import EveryRow, Mixture, MixtureSampler, effective_sample_size
from multiskin.data.transforms import Preprocessing, evaluation_transform, training_transform
from multiskin.data.workers import one_thread, worker_count
from multiskin.schema import MISSING


class SkinDataModule(pl.LightningDataModule):
    """Training photos drawn from the heads' mixture, and each validation photo once.

    Args:
        train: photos to learn from.
        val: photos that decide on the best checkpoint.
        recipes: one per head.
        preprocessing: how every photo is prepared; in training, after augmentation.
        config: batch size, workers, draws per epoch.
        seed: seed of draws and augmentation.

    Raises:
        UserError: an invalid recipe.
    """

    def __init__(
        self,
        train: Manifest,
        val: Manifest,
        recipes: Sequence[Recipe],
        preprocessing: Preprocessing,
        config: DataConfig,
        seed: int,
    ) -> None:
        super().__init__()
        self.config = config
        self.seed = seed
        names = train.schema.names
        self.mixture = Mixture.of(train.grades, train.schema, recipes)
        transforms = [
            training_transform(recipe.augment, preprocessing, f"heads.{name}.augment")
            for name, recipe in zip(names, recipes, strict=True)
        ]
        reduced = config.decoding == "reduced"
        self.training_photos = TrainingPhotos(train, self.mixture.weights, transforms, seed, reduced)
        self.validation_photos = GradedPhotos(val, evaluation_transform(preprocessing))
        self.position = (0, 0)  # the epoch to resume in, and how many of its batches are done

    def state_dict(self) -> dict[str, int]:
        """The position in the stream of draws, for checkpoints."""
        assert self.trainer is not None
        progress = self.trainer.fit_loop.epoch_loop.batch_progress
        return {
            "epoch": self.trainer.current_epoch,
            "batches": progress.current.ready,
            "batches_per_epoch": int(self.trainer.num_training_batches),
        }

    def load_state_dict(self, state_dict: dict[str, int]) -> None:
        self.position = (state_dict["epoch"], state_dict["batches"])

    @classmethod
    def finished_epochs(cls, checkpoint: Mapping[str, Any]) -> int:
        """How many epochs were finished when a checkpoint was written."""
        state = checkpoint[cls.__qualname__]
        return state["epoch"] + (state["batches"] == state["batches_per_epoch"])

    def setup(self, stage: str) -> None:
        """Sets up the cache of pictures that config.cache asks for; Lightning calls this in each process."""
        if self.training_photos.pictures is not self.training_photos.fresh:
            return  # already done by an earlier call
        processes = self.trainer.num_devices if self.trainer else 1
        wanted = [*self.training_photos.fresh, self.validation_photos.fresh]
        *self.training_photos.pictures, self.validation_photos.pictures = cache_pictures(wanted, self.config, processes)

    def train_dataloader(self) -> DataLoader[Item]:
        return self._loader(self.training_photos, self._training_sampler())

    def val_dataloader(self) -> DataLoader[Item]:
        return self._loader(self.validation_photos, EveryRow(len(self.validation_photos), *self._place()))

    def sampling_statistics(self, epoch: int) -> dict[str, float]:
        """The effective sample size of an epoch's draws for each head, and the number of distinct photos."""
        sampler = self._training_sampler()
        sampler.set_epoch(epoch)
        rows, _ = sampler.draws()
        effective = effective_sample_size(self.mixture.weights[rows])
        distinct = (self.mixture.weights[np.unique(rows)] > 0).sum(axis=0)
        values = {}
        for h, name in enumerate(self.training_photos.manifest.schema.names):
            values[f"sampling/{name}/effective"] = float(effective[h])
            values[f"sampling/{name}/distinct"] = float(distinct[h])
        return values

    def draws_per_rank(self, ranks: int) -> int:
        """The draws of each process in an epoch: the same number for all, or the last step would wait forever."""
        graded = int((self.training_photos.manifest.grades != MISSING).any(axis=1).sum())
        draws = graded if self.config.draws_per_epoch is None else self.config.draws_per_epoch
        return -(-draws // ranks)

    def _training_sampler(self) -> MixtureSampler:
        rank, ranks = self._place()
        sampler = MixtureSampler(self.mixture, self.draws_per_rank(ranks) * ranks, self.seed, rank, ranks)
        epoch, batches = self.position
        sampler.resume(epoch, batches * self.config.batch_size)
        return sampler

    def _place(self) -> tuple[int, int]:
        return (self.trainer.global_rank, self.trainer.world_size) if self.trainer else (0, 1)

    def _loader(self, photos: Dataset[Item], sampler: Sampler[Any]) -> DataLoader[Item]:
        workers = worker_count(self.config.num_workers)
        return DataLoader(
            photos,
            batch_size=self.config.batch_size,
            sampler=sampler,
            num_workers=workers,
            persistent_workers=workers > 0,
            pin_memory=torch.cuda.is_available(),
            worker_init_fn=one_thread,
            generator=torch.Generator(),  # or the loader would draw from the global one, and so change dropout
        )
