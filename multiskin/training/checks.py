"""The mistakes in settings that can be found before training begins."""

from collections.abc import Mapping
from typing import Any

import numpy as np

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
from multiskin.models.backbone import pretrained_backbone
from multiskin.models.blueprint import Blueprint
from multiskin.resampling import grade_distribution
from multiskin.rules import CREDIT, require_decision
from multiskin.schema import MISSING, Attribute, Schema
from multiskin.training.loggers import check_loggers
from multiskin.training.memory import check_memory
from multiskin.training.optimizers import check_fused
from multiskin.training.trainer import accelerator, precision


def check(config: FitConfig, schema: Schema) -> None:
    """Finds the mistakes in settings that can be found without a photo, before an hour is spent on them.

    Raises:
        UserError: the first one.
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
    """What is said of a head by its name fits it; what is said of all may pass over those without ordered grades.

    Raises:
        UserError: it needs an order where there is none.
    """
    if "decision" in own:
        require_decision(recipe.decision, attribute)
    if "credit" in own and recipe.credit is not None:
        require_decision(CREDIT, attribute)
    if "calibration" in own and recipe.calibration is not None:
        require_method(recipe.calibration, attribute)


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

    Credit counts each probability by what it averages to, which is known of a calibrator, and of a loss that is proper
    and learns from the grades themselves: of blurred ones, those beside a frequent grade look likelier than they are.
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
        f"{', '.join(doubtful)}: decision credit takes probabilities for those of the grades, and after such a loss "
        "they are not; give calibration: cumulative"
    )


def _distorts(loss: Loss) -> bool:
    """Whether what is learned by a loss is something else than the probabilities of the grades."""
    return loss.blurs or not loss.proper


def check_weights(config: FitConfig) -> None:
    """Finds out whether the network's first weights can be had, and what the network makes of a photo.

    Raises:
        UserError: they cannot, or they do not fit.
    """
    pretrained_backbone(config.model, offline=config.offline)


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


def check_validation(monitor: str, val: Manifest) -> None:
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
