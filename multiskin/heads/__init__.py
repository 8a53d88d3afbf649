"""Heads: each owns its layer, its loss, its probabilities and its linear read-out for maps; none knows another."""

from collections.abc import Callable, Sequence

from multiskin.config import Recipe
from multiskin.heads.base import Head
from multiskin.heads.categorical import CategoricalHead
from multiskin.heads.continuation import ContinuationHead
from multiskin.heads.cumulative import CumulativeHead
from multiskin.losses import Logits, Loss, create_loss, in_range
from multiskin.schema import Attribute

__all__ = ["HEADS", "CategoricalHead", "ContinuationHead", "CumulativeHead", "Head", "create_head"]

HEADS: dict[Logits, Callable[[int, Loss, float], Head]] = {  # by what a loss takes its logits for
    "categorical": CategoricalHead,
    "cumulative": CumulativeHead,
    "continuation": ContinuationHead,
}


def create_head(attribute: Attribute, in_features: int, recipe: Recipe, counts: Sequence[int]) -> Head:
    """The head that the loss of a recipe needs.

    Args:
        attribute: what the head predicts.
        in_features: C, the channels of the pooled features.
        recipe: how it learns; its loss, loss_options and dropout are used here.
        counts: how many training photos have each grade of the attribute, length K.

    Raises:
        UserError: a loss, an option or a dropout that cannot be, naming the attribute.
    """
    dropout = in_range(f"heads.{attribute.name}.dropout", recipe.dropout, 0, 1)
    loss = create_loss(recipe.loss, attribute, counts, **recipe.loss_options)
    return HEADS[loss.logits](in_features, loss, dropout)
