"""Finds mistakes in the settings before training starts."""

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

import numpy as np
import torch

from multiskin.calibration import require_method
from multiskin.config import FitConfig, Recipe, check_values, head_recipes
from multiskin.data.manifest import Manifest
from multiskin.data.preprocessing import Preprocessing
from multiskin.data.transforms import evaluation_transform, training_transform
from multiskin.decisions import credit_of
from multiskin.errors import UserError, unknown
from multiskin.losses import create_loss
from multiskin.losses.base import Loss
from multiskin.metrics.ordinal import HIGHER_IS_BETTER, GradeMetrics, summarise
from multiskin.models.backbone import Backbone, pretrained_backbone
from multiskin.models.blueprint import Blueprint
from multiskin.resampling import grade_distribution
from multiskin.rules import CREDIT, require_decision
from multiskin.schema import MISSING, Attribute, Schema
from multiskin.training.loggers import check_loggers
from multiskin.training.memory import check_memory
from multiskin.training.optimizers import check_fused
from multiskin.training.trainer import accelerator, precision


def check(config: FitConfig, schema: Schema) -> None:
    """Finds the mistakes in the settings that can be found without reading a photo.

    Raises:
        UserError: the first mistake found.
    """
    check_values(config)
    preprocessing = Preprocessing.from_settings(config, (0.5,) * 3, (0.5,) * 3)
    evaluation_transform(preprocessing)
    recipes = head_recipes(config, schema.names)
    for attribute, recipe in zip(schema, recipes, strict=True):
        create_loss(recipe.loss, attribute, [1] * attribute.grades, **recipe.loss_options)
        grade_distribution(recipe.resample, np.ones(attribute.grades), attribute)
        own = config.heads.get(attribute.name, {})
        _check_order(recipe, attribute, own)
        credit_of(attribute, recipe.credit)
        _check_credit(recipe, attribute.name, own)
        training_transform(recipe.augment, preprocessing, f"heads.{attribute.name}.augment")
    monitor_mode(config.trainer.monitor, schema)
    accelerator(config.trainer)
    check_fused(config.optimizer, precision(config.trainer), bool(config.trainer.gradient_clip_val))
    check_loggers(config.log)
    counts = tuple((1,) * attribute.grades for attribute in schema)
    net = Blueprint(schema, config.model, tuple(recipes), counts).build()
    check_memory(config, net, precision(config.trainer))


def _check_order(recipe: Recipe, attribute: Attribute, own: Mapping[str, Any]) -> None:
    """Makes sure that options given for this head alone fit it; those given for all heads skip nominal attributes.

    Raises:
        UserError: an option needs ordered grades, and the head has none.
    """
    if "decision" in own:
        require_decision(recipe.decision, attribute)
    if "credit" in own and recipe.credit is not None:
        require_decision(CREDIT, attribute)
    if "calibration" in own and recipe.calibration is not None:
        require_method(recipe.calibration, attribute)


def _check_credit(recipe: Recipe, name: str, own: Mapping[str, Any]) -> None:
    """Makes sure that a credit matrix is used; one given for all heads may be unused by a head with its own decision.

    Raises:
        UserError: it is not used.
    """
    if recipe.credit is not None and recipe.decision != CREDIT and ("credit" in own or "decision" not in own):
        raise UserError(
            f"heads.{name}.credit: not used, since decision is {recipe.decision}; set decision to credit, or leave "
            "credit out"
        )


def credit_in_doubt(config: FitConfig, schema: Schema) -> str:
    """A warning about heads that decide by credit but do not learn the probabilities of the grades; "" if none does so.

    Decision credit divides each probability by its mean over the data. That mean is known after calibration, and after
    training with a proper loss on the grades themselves. With softened labels, the neighbours of a frequent grade look
    likelier than they are.
    """
    doubtful = [
        f"{attribute.name} ({recipe.loss})"
        for attribute, recipe in zip(schema, head_recipes(config, schema.names), strict=True)
        if attribute.ordinal
        and recipe.decision == CREDIT
        and recipe.calibration is None
        and _distorts(create_loss(recipe.loss, attribute, [1] * attribute.grades, **recipe.loss_options))
    ]
    if not doubtful:
        return ""
    return (
        f"{', '.join(doubtful)}: decision credit needs the probabilities of the grades, which this loss does not "
        "learn; set calibration: cumulative"
    )


def _distorts(loss: Loss) -> bool:
    """Whether a loss learns something other than the probabilities of the grades."""
    return loss.soft_targets or not loss.proper


def check_weights(config: FitConfig) -> None:
    """Makes sure that the pretrained weights can be loaded and that the network can process a photo.

    Raises:
        UserError: the weights are not available, or do not fit the network.
    """
    pretrained_backbone(config.model, offline=config.offline)


def check_last_batch(backbone: Backbone, config: FitConfig, draws: int) -> None:
    """Makes sure that the network can be trained on the last batch of an epoch, which may be a single photo.

    Batch normalization of maps of one pixel, as of pooled features, needs two.

    Args:
        backbone: the network's backbone.
        config: the batch and input sizes.
        draws: how many photos each process draws per epoch.

    Raises:
        UserError: it cannot.
    """
    batch_size, size = config.data.batch_size, config.model.input_size
    if draws % batch_size != 1 % batch_size:
        return
    try:
        with torch.no_grad():
            deepcopy(backbone).train()(torch.zeros(1, 3, size, size))  # a copy, since statistics would change
    except ValueError as error:
        raise UserError(
            f"data.batch_size is {batch_size}: the last of {draws} photos per epoch would be a batch of its own, which "
            f"the batch normalization of {config.model.backbone} cannot be trained on; change data.batch_size or "
            "data.draws_per_epoch"
        ) from error


def monitor_mode(monitor: str, schema: Schema) -> str:
    """Whether the best value of the monitored number is its 'min' or its 'max'.

    Raises:
        UserError: validation does not compute such a number.
    """
    empty = GradeMetrics(schema)
    keys = summarise(empty.confusion, empty.rps_sums, schema)
    better = {f"val/{key}": HIGHER_IS_BETTER.get(key.split("/")[1]) for key in keys}
    higher = {"val/loss": False} | {key: value for key, value in better.items() if value is not None}
    if monitor not in higher:
        raise unknown("number", monitor, higher, "trainer.monitor")
    return "max" if higher[monitor] else "min"


def check_validation(monitor: str, val: Manifest) -> None:
    """Makes sure that the monitored number can be computed on the validation photos.

    Raises:
        UserError: it cannot.
    """
    schema, head = val.schema, monitor.split("/")[1]
    averaged = [attribute.name for attribute in schema if attribute.ordinal and head == "mean"] or list(schema.names)
    names = [head] if head in schema.names else averaged
    if (val.grades[:, [schema.index(name) for name in names]] == MISSING).all():
        raise UserError(
            f"trainer.monitor: no validation photo is graded for {' or '.join(names)}, so {monitor} has no value; "
            "assign such photos to val in the split column, raise its share in data.split.ratios, or monitor another "
            "number"
        )
