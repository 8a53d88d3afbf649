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
    indices = [predictor.schema.index(name) for name in schema.names]
    net = deepcopy(predictor.net)
    net.schema = schema
    net.heads = nn.ModuleList(net.heads[index] for index in indices)
    net.strides = [net.strides[index] for index in indices]
    net.decisions = [net.decisions[index] for index in indices]
    net.priors = net.priors[indices, : schema.max_grades]
    net.credit = net.credit[indices, : schema.max_grades, : schema.max_grades]
    return replace(predictor, net=net)


def graded_for(photos: Manifest, schema: Schema) -> Manifest:
    """The same photos with only their grades for these attributes.

    Raises:
        UserError: the photos lack one of the attributes.
    """
    indices = [photos.schema.index(name) for name in schema.names]
    second = photos.second_grades
    return replace(
        photos,
        schema=schema,
        grades=photos.grades[:, indices],
        second_grades=None if second is None else second[:, indices],
    )
