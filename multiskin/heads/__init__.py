"""Heads: each has its own layers and loss, turns logits into probabilities, and is independent of the others."""

from collections.abc import Callable, Sequence

from multiskin.config import Recipe
from multiskin.heads.base import Head
from multiskin.heads.categorical import CategoricalHead
from multiskin.heads.continuation import ContinuationHead
from multiskin.heads.cumulative import CumulativeHead
from multiskin.losses import LogitKind, Loss, create_loss, in_range
from multiskin.schema import Attribute

__all__ = ["HEADS", "CategoricalHead", "ContinuationHead", "CumulativeHead", "Head", "create_head"]

MAX_HIDDEN = 65536  # units; more is probably a typing error
HEADS: dict[LogitKind, Callable[[int, Loss, float, int | None], Head]] = {  # by the kind of logits that the loss takes
    "categorical": CategoricalHead,
    "cumulative": CumulativeHead,
    "continuation": ContinuationHead,
}


def create_head(attribute: Attribute, in_features: int, recipe: Recipe, counts: Sequence[int]) -> Head:
    """Creates the head that a recipe's loss needs.

    Args:
        attribute: what the head predicts.
        in_features: C, the number of pooled features that the head reads.
        recipe: the head's recipe, of which loss, loss_options, dropout and hidden are used here.
        counts: how many training photos have each grade of the attribute, length K.

    Raises:
        UserError: an invalid loss, loss option, dropout or hidden layer; the message names the attribute.
    """
    dropout = in_range(f"heads.{attribute.name}.dropout", recipe.dropout, 0, 1)
    if recipe.hidden is not None:
        in_range(f"heads.{attribute.name}.hidden", recipe.hidden, 1, MAX_HIDDEN)
    loss = create_loss(recipe.loss, attribute, counts, **recipe.loss_options)
    return HEADS[loss.logit_kind](in_features, loss, dropout, recipe.hidden)
