"""Only some of a network's heads: what is not asked for is neither derived nor measured, and cannot interfere."""

from copy import deepcopy
from dataclasses import replace

from torch import nn

from multiskin.data.manifest import Manifest
from multiskin.inference.predictor import Predictor
from multiskin.schema import Schema


def with_heads(predictor: Predictor, schema: Schema) -> Predictor:
    """A copy with the heads of these attributes alone, in their order.

    Args:
        predictor: one that has them, each with as many grades.
        schema: the attributes, with the words to describe them by.

    Raises:
        UserError: a head that it lacks.
    """
    places = [predictor.schema.index(name) for name in schema.names]
    net = deepcopy(predictor.net)
    net.schema = schema
    net.heads = nn.ModuleList(net.heads[place] for place in places)
    net.strides = [net.strides[place] for place in places]
    net.decisions = [net.decisions[place] for place in places]
    net.priors = net.priors[places, : schema.max_grades]
    net.credit = net.credit[places, : schema.max_grades, : schema.max_grades]
    return replace(predictor, net=net)


def graded_for(photos: Manifest, schema: Schema) -> Manifest:
    """The same photos with their grades for these attributes alone.

    Raises:
        UserError: an attribute that they are not graded for.
    """
    places = [photos.schema.index(name) for name in schema.names]
    second = photos.second_grades
    return replace(
        photos,
        schema=schema,
        grades=photos.grades[:, places],
        second_grades=None if second is None else second[:, places],
    )
