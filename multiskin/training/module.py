"""The LightningModule: what happens in a step and at the end of an epoch."""

import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from pytorch_lightning.utilities.types import OptimizerLRSchedulerConfig
from torch import Tensor, nn
from torch.optim import Optimizer
from torchmetrics import MeanMetric

from multiskin.config import OptimizerConfig
from multiskin.data.transforms import Preprocessing
from multiskin.metrics.ordinal import GradeMetrics
from multiskin.models.blueprint import Blueprint
from multiskin.models.skinnet import SkinNet
from multiskin.schema import MISSING
from multiskin.training.distillation import Distillation
from multiskin.training.finite import FiniteLosses
from multiskin.training.gradients import GradientCosines
from multiskin.training.optimizers import create_optimizer, fuses, parameter_groups
from multiskin.training.schedule import create_schedule
from multiskin.training.weighting import create_weighting

Batch = dict[str, Tensor]


class SkinModule(pl.LightningModule):
    """Trains a SkinNet on batches of partially graded, importance-weighted photos.

    Args:
        net: the network.
        blueprint: its architecture, stored in every checkpoint.
        preprocessing: how a photo becomes the network's input, stored in every checkpoint.
        optimizer: learning rate and schedule.
        seed: seed of dropout and of random loss weights.
        weighting: how the heads' losses are weighted in addition to their loss_weight, by name.
        gradients: log whether the heads' gradients agree.
        distillation: what the heads learn from trained models, if there are any.
    """

    loss_weights: Tensor  # (H,), summing to 1
    epoch_losses: Tensor  # (H + 1,), sums over the epoch's steps and, last, the number of steps

    def __init__(
        self,
        net: SkinNet,
        blueprint: Blueprint,
        preprocessing: Preprocessing,
        optimizer: OptimizerConfig,
        seed: int = 0,
        weighting: str | None = None,
        gradients: bool = False,
        distillation: Distillation | None = None,
    ) -> None:
        super().__init__()
        self.net = net
        self.blueprint = blueprint
        self.preprocessing = preprocessing
        self.optimizer_config = optimizer
        self.seed = seed
        self.weighting = create_weighting(weighting, len(net.schema), seed)
        self.distillation = distillation
        self.cosines = GradientCosines(net.schema.names) if gradients else None
        self.finite = FiniteLosses(net.schema.names)
        self.epoch_began = time.monotonic()
        self.metrics = GradeMetrics(net.schema)
        self.validation_loss = MeanMetric()
        weights = torch.tensor([recipe.loss_weight for recipe in blueprint.recipes])
        self.register_buffer("loss_weights", weights / weights.sum(), persistent=False)
        self.register_buffer("epoch_losses", torch.zeros(len(net.schema) + 1), persistent=False)

    def on_train_batch_start(self, batch: Batch, batch_idx: int) -> None:
        """Makes dropout depend on seed, epoch, step and rank alone, so that a resumed run draws the same numbers."""
        place = [self.seed, self.current_epoch, batch_idx, self.global_rank]
        torch.manual_seed(int(np.random.SeedSequence(place).generate_state(1)[0]))

    def training_step(self, batch: Batch) -> Tensor:
        losses = self._losses(batch)  # (H,)
        shares = batch["weight"].where(batch["grades"] != MISSING, 0.0).mean(dim=0)  # (H,)
        loss = (self.weighting(losses, shares, self.global_step) * self.loss_weights).sum()
        self._watch(losses, batch, "training_photos")
        if self.cosines is not None:
            self.cosines.update(losses, list(self.net.backbone.parameters()), self._loss_scale() / len(losses))
        self.log("loss", loss, prog_bar=True, logger=False)
        self.epoch_losses[:-1] += losses.detach()
        self.epoch_losses[-1] += 1
        return loss

    def training_losses(self) -> dict[str, Tensor]:
        """Means over the epoch's steps so far: of each head, and of all heads weighted by loss_weight alone."""
        losses = self.epoch_losses[:-1] / self.epoch_losses[-1]
        heads = {f"train/{name}/loss": loss for name, loss in zip(self.net.schema.names, losses, strict=True)}
        return {"train/loss": (losses * self.loss_weights).sum()} | heads

    def on_train_epoch_start(self) -> None:
        self.epoch_began = time.monotonic()

    def on_train_epoch_end(self) -> None:
        """Logs before last.ckpt is written, unlike self.log, so that the logs have each epoch that a checkpoint has."""
        self.finite.check()
        strategy = self.trainer.strategy
        values = {key: strategy.reduce(loss, reduce_op="mean").item() for key, loss in self.training_losses().items()}
        values |= self._learned_weighting()
        if self.cosines is not None:
            values |= self.cosines.compute(lambda tensor: strategy.reduce(tensor, reduce_op="mean"))
            self.cosines.reset()
        values["train/seconds"] = time.monotonic() - self.epoch_began  # validation and saving included
        values |= self.trainer.datamodule.sampling_statistics(self.current_epoch)  # type: ignore[attr-defined]
        for logger in self.loggers:
            logger.log_metrics(values | {"epoch": self.current_epoch}, self.global_step - 1)
            logger.save()
        self.epoch_losses.zero_()

    def _learned_weighting(self) -> dict[str, float]:
        return {
            f"train/{name}/{what}": value
            for what, values in self.weighting.learned().items()
            for name, value in zip(self.net.schema.names, values.tolist(), strict=True)
        }

    def validation_step(self, batch: Batch) -> None:
        logits = self.net(batch["image"]).logits
        losses = self.net.losses(logits, batch["grades"], batch["weight"])
        self._watch(losses, batch, "validation_photos")
        self.validation_loss.update((losses * self.loss_weights).sum(), len(batch["row"]))
        probabilities = self.net.probabilities(logits)
        self.metrics.update(probabilities, self.net.decide(probabilities), batch["grades"])

    def on_validation_epoch_start(self) -> None:
        self.finite.check()

    def on_validation_epoch_end(self) -> None:
        self.finite.check()  # otherwise a head with NaN outputs would drop out of the monitored mean
        # One state gives all metrics once per epoch; logging each metric in each step would be slow.
        self.log("val/loss", self.validation_loss.compute())
        self.log_dict({f"val/{key}": value.float() for key, value in self.metrics.compute().items()})
        self.validation_loss.reset()
        self.metrics.reset()

    def _losses(self, batch: Batch) -> Tensor:
        """The heads' losses (H,) in training, on grades and on what teachers say.

        Bypasses compiled code where gradients are compared: it frees buffers that their backward passes need.
        """
        forward = self.net.forward if self.cosines is not None and self.cosines.due else self.net
        logits = forward(batch["image"]).logits
        losses = self.net.losses(logits, batch["grades"], batch["weight"])
        if self.distillation is not None:
            losses = losses + self.distillation.losses(self.net, batch["image"], logits)
        return losses

    def _loss_scale(self) -> float:
        """The loss scale of 16-mixed precision, which keeps small gradients from vanishing; else 1."""
        scaler = getattr(self.trainer.precision_plugin, "scaler", None)
        return 1.0 if scaler is None else float(scaler.get_scale())

    def _watch(self, losses: Tensor, batch: Batch, photos: str) -> None:
        def describe(rows: Sequence[int]) -> str:
            return getattr(self.trainer.datamodule, photos).manifest.describe(rows)  # type: ignore[attr-defined]

        self.finite.watch(losses, f"epoch {self.current_epoch + 1}, step {self.global_step}", batch["row"], describe)

    def configure_optimizers(self) -> OptimizerLRSchedulerConfig:
        config = self.optimizer_config
        fused = fuses(config, str(self.trainer.precision), bool(self.trainer.gradient_clip_val))
        optimizer = create_optimizer(config, parameter_groups(self.net, self.weighting, config), fused)
        steps, epochs = int(self.trainer.estimated_stepping_batches), max(self.trainer.max_epochs or 1, 1)
        schedule = create_schedule(optimizer, config, self.net.backbone, steps, epochs)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def configure_gradient_clipping(
        self,
        optimizer: Optimizer,
        gradient_clip_val: float | None = None,
        gradient_clip_algorithm: str | None = None,
    ) -> None:
        """Clips by norm; Lightning's own clipping refuses fused optimizers in mixed precision, even in bf16."""
        if gradient_clip_val:
            weights = [weight for group in optimizer.param_groups for weight in group["params"]]
            nn.utils.clip_grad_norm_(weights, gradient_clip_val)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        self.finite.check()
        checkpoint["blueprint"] = self.blueprint.to_dict()
        checkpoint["preprocessing"] = self.preprocessing.to_dict()
        checkpoint["epoch_losses"] = self.epoch_losses.clone()  # the epoch may be unfinished
        if self.cosines is not None:
            checkpoint["epoch_cosines"] = {name: buffer.clone() for name, buffer in self.cosines.named_buffers()}

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        self.epoch_losses.copy_(checkpoint["epoch_losses"])
        if self.cosines is not None and "epoch_cosines" in checkpoint:  # log.gradients may have been off before
            for name, buffer in self.cosines.named_buffers():
                buffer.copy_(checkpoint["epoch_cosines"][name])
