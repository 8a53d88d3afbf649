"""Reduces a network and its photos to some of its heads, so that the others are neither explained nor measured."""

from copy import deepcopy
from dataclasses import replace

from torch import nn

from multiskin.data.manifest import Manifest
from multiskin.inference.predictor import Predictor
from multiskin.schema import Schema


def with_heads(predictor: Predictor, schema: Schema) -> Predictor:
    """A copy with only the heads of these attributes, in the order of the schema.

    Args:
        predictor: the model, whose heads must have as many grades as the attributes.
        schema: the attributes, with the words that describe them.

    Raises:
        UserError: the model lacks one of the heads.
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
    """The same photos with only their grades for these attributes.

    Raises:
        UserError: the photos lack one of the attributes.
    """
    places = [photos.schema.index(name) for name in schema.names]
    second = photos.second_grades
    return replace(
        photos,
        schema=schema,
        grades=photos.grades[:, places],
        second_grades=None if second is None else second[:, places],
    )
