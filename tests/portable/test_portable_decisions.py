"""The decisions in NumPy are those in torch."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from multiskin import decisions as in_torch
from multiskin.portable.decisions import DECISIONS, Rule
from multiskin.schema import Attribute


@st.composite
def heads(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Probabilities (B, K) with ties and zeros, a prior (K,) and a credit (K, K)."""
    k = draw(st.integers(2, 6))
    counts = np.array(draw(st.lists(st.lists(st.integers(0, 4), min_size=k, max_size=k), min_size=1, max_size=8)))
    counts[counts.sum(axis=1) == 0, 0] = 1
    prior = np.array(draw(st.lists(st.integers(0, 5), min_size=k, max_size=k)), dtype=np.float32)
    prior[0] += prior.sum() == 0
    credit = np.array(draw(st.lists(st.lists(st.integers(-3, 3), min_size=k, max_size=k), min_size=k, max_size=k)))
    shares = (counts / counts.sum(axis=1, keepdims=True)).astype(np.float32)
    return shares, prior / prior.sum(), credit.astype(float)


@pytest.mark.parametrize("name", DECISIONS)
@given(head=heads())
@settings(deadline=None, max_examples=60)
def test_each_decides_as_in_torch(name: str, head: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    probabilities, prior, credit = head
    rule = Rule(name, tuple(prior.tolist()), tuple(map(tuple, credit.tolist())))
    expected = in_torch.decide(name, *map(torch.from_numpy, (probabilities, prior, credit)))
    if name == "credit":  # the same products are added up in another order: equals may come apart
        earned = _earned(probabilities, prior, credit)
        chosen = [
            np.take_along_axis(earned, grades[:, None], axis=1) for grades in (rule(probabilities), expected.numpy())
        ]
        np.testing.assert_allclose(*chosen, atol=1e-5 * max(1, np.abs(earned).max()))
    else:
        assert rule(probabilities).tolist() == expected.tolist()


def _earned(probabilities: np.ndarray, prior: np.ndarray, credit: np.ndarray) -> np.ndarray:
    seen = [k for k in range(len(prior)) if prior[k] > 0]
    shrunk = {k: 0.9 * prior[k] + 0.1 / len(seen) for k in seen}
    return np.array(
        [[sum(credit[k, j] * p[k] / shrunk[k] for k in seen) for j in range(len(prior))] for p in probabilities]
    )


@pytest.mark.parametrize(
    "changed",
    [
        {"prior": [0.5, 0.5]},
        {"prior": [0.2, 0.3, float("nan")]},
        {"credit": [[1, 0], [0, 1]]},
        {"credit": [["a"] * 3] * 3},
    ],
)
def test_numbers_of_another_attribute_are_refused(changed: dict) -> None:
    content = {"decision": "credit", "prior": [0.2, 0.3, 0.5], "credit": np.eye(3).tolist()}
    attribute = Attribute("lines", 3)
    assert Rule.from_dict(content, attribute).to_dict()["prior"] == (0.2, 0.3, 0.5)
    with pytest.raises(ValueError):  # noqa: PT011  # NumPy's own words
        Rule.from_dict(content | changed, attribute)
