"""Selected heads of a network predict the same as among all, and the others are removed."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from multiskin.calibration import Calibrator
from multiskin.data.manifest import Manifest
from multiskin.data.transforms import Preprocessing
from multiskin.errors import UserError
from multiskin.explain.cam import head_maps
from multiskin.explain.heads import graded_for, with_heads
from multiskin.explain.scalars import class_logit
from multiskin.inference.predictor import Predictor
from multiskin.models.skinnet import SkinNet
from multiskin.schema import Attribute, Schema

Images = Callable[..., Tensor]
ASKED = ("kind", "k5", "k2")


@pytest.fixture
def whole(small_net: SkinNet) -> Predictor:
    return Predictor(small_net, Preprocessing(64, (0.5,) * 3, (0.2,) * 3), torch.device("cpu"))


def asked(net: SkinNet) -> tuple[list[int], Schema]:
    """The indices of the selected heads in the network, and their schema."""
    return [net.schema.index(name) for name in ASKED], Schema(tuple(net.schema[name] for name in ASKED))


def test_selected_heads_predict_the_same_as_among_all(whole: Predictor, images: Images) -> None:
    places, schema = asked(whole.net)
    some, photos = with_heads(whole, schema), images(3, 64)
    assert some.schema == schema
    said, expected = some.predict(photos), whole.predict(photos)
    np.testing.assert_array_equal(said.grades, expected.grades[:, places])
    np.testing.assert_array_equal(said.scores, expected.scores[:, places])
    np.testing.assert_array_equal(said.probabilities, expected.probabilities[:, places, :5])
    found, of_all = head_maps(some.net, photos), head_maps(whole.net, photos)
    torch.testing.assert_close(found.maps, of_all.maps[:, places])
    torch.testing.assert_close(found.scalars, of_all.scalars[:, places])
    assert not some.net.training


def test_each_head_keeps_its_decision_rule_and_prior(whole: Predictor, images: Images) -> None:
    net = with_heads(whole, whole.schema).net
    places, schema = asked(net)
    net.decisions = ["credit" if attribute.ordinal else "argmax" for attribute in net.schema]
    net.priors = torch.softmax(torch.randn(net.priors.shape), dim=1)
    ruled = replace(whole, net=net)
    photos = images(4, 64)
    np.testing.assert_array_equal(
        with_heads(ruled, schema).predict(photos).grades, ruled.predict(photos).grades[:, places]
    )


def test_each_head_keeps_its_calibration_and_credit(whole: Predictor, images: Images) -> None:
    net = with_heads(whole, whole.schema).net
    places, schema = asked(net)
    net.credit = torch.randn(net.credit.shape)
    made = {
        attribute.name: Calibrator("vector", (0.5,) * k, tuple(range(k)), (1 / k,) * k, 9)
        for attribute in net.schema
        for k in (attribute.grades,)
    }
    decisions = dict.fromkeys((attribute.name for attribute in net.schema if attribute.ordinal), "credit")
    model = replace(whole, net=net, calibrators=made, decisions=decisions)
    said, expected, photos = with_heads(model, schema), model, images(4, 64)
    np.testing.assert_array_equal(said.predict(photos).grades, expected.predict(photos).grades[:, places])
    np.testing.assert_array_equal(
        said.predict(photos).probabilities, expected.predict(photos).probabilities[:, places, :5]
    )


@pytest.mark.parametrize("name", ["small_net", "token_net"])
def test_a_head_without_the_scalar_does_not_affect_others(
    name: str, images: Images, request: pytest.FixtureRequest
) -> None:
    net = request.getfixturevalue(name)
    predictor = Predictor(net, Preprocessing(96, (0.5,) * 3, (0.2,) * 3), torch.device("cpu"))
    other = with_heads(predictor, predictor.schema).net
    other.heads[0].linear = torch.nn.Linear(other.heads[0].linear.in_features, 9)
    with pytest.raises(UserError, match="'k2': has 9 logits"):
        head_maps(other, images(1, 96), class_logit(2))
    asked_for = with_heads(replace(predictor, net=other), Schema((net.schema["k5"],)))
    found = head_maps(asked_for.net, images(1, 96), class_logit(2)).maps
    torch.testing.assert_close(
        found[:, 0], head_maps(net, images(1, 96), class_logit(2)).maps[:, net.schema.index("k5")]
    )


def test_an_unknown_head_is_an_error(whole: Predictor) -> None:
    with pytest.raises(UserError, match="'k8'"):
        with_heads(whole, Schema((Attribute("k8", 8),)))


def test_photos_keep_only_the_selected_grades(manifest: Manifest) -> None:
    lines = Schema((replace(manifest.schema["lines"], lips=True),))
    second = replace(manifest, second_grades=manifest.grades[::-1])
    found = graded_for(second, lines)
    assert found.schema == lines
    np.testing.assert_array_equal(found.grades, manifest.grades[:, [manifest.schema.index("lines")]])
    np.testing.assert_array_equal(found.second_grades, found.grades[::-1])
    np.testing.assert_array_equal(found.paths, manifest.paths)
    assert graded_for(manifest, lines).second_grades is None
