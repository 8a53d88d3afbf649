"""Scores against intervals grown one grade at a time."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from multiskin.conformal.scores import descending_order, interval_order, nonconformity

probabilities = (
    st.integers(2, 7)
    .flatmap(lambda k: arrays(np.float64, st.tuples(st.integers(1, 4), st.just(k)), elements=st.floats(0.001, 1)))
    .map(lambda values: values / values.sum(axis=1, keepdims=True))
)
ties = st.integers(2, 7).flatmap(
    lambda k: arrays(np.float64, st.tuples(st.integers(1, 4), st.just(k)), elements=st.sampled_from([0.0, 0.25, 0.5]))
)


def grown(p):
    """The grades of one photo (K,) in the order in which an interval includes them, by definition."""
    low = high = int(np.argmax(p))
    order = [low]
    while len(order) < len(p):
        below = p[low - 1] if low > 0 else -1
        above = p[high + 1] if high + 1 < len(p) else -1
        if below >= above:
            low -= 1
            order.append(low)
        else:
            high += 1
            order.append(high)
    return order


@settings(max_examples=60, deadline=None)
@given(probabilities | ties)
def test_an_interval_grows_by_definition(p):
    assert interval_order(p).tolist() == [grown(row) for row in p]


@settings(max_examples=60, deadline=None)
@given(probabilities | ties)
def test_every_step_of_the_order_is_an_interval_around_the_mode(p):
    for row, order in zip(p, interval_order(p).tolist(), strict=True):
        assert order[0] == np.argmax(row)
        for taken in range(1, len(order) + 1):
            assert sorted(order[:taken]) == list(range(min(order[:taken]), max(order[:taken]) + 1))


@settings(max_examples=40, deadline=None)
@given(probabilities | ties)
def test_nominal_grades_are_ordered_by_probability(p):
    expected = [sorted(range(len(row)), key=lambda grade: (-row[grade], grade)) for row in p]
    assert descending_order(p).tolist() == expected


@settings(max_examples=60, deadline=None)
@given(probabilities, st.sampled_from([interval_order, descending_order]), st.none() | st.floats(0, 1))
def test_the_score_is_the_probability_of_the_grades_before(p, rule, share):
    order = rule(p)
    chance = None if share is None else np.full(len(p), share)
    scores = nonconformity(p, order, chance)
    for i, row in enumerate(p):
        for grade in range(len(row)):
            before = order[i, : order[i].tolist().index(grade)]
            expected = sum(row[other] for other in before) + (share or 0.0) * row[grade]
            assert scores[i, grade] == pytest.approx(expected, abs=1e-12)


@settings(max_examples=40, deadline=None)
@given(probabilities | ties)
def test_scores_start_at_0_and_ascend_along_the_order(p):
    order = interval_order(p)
    scores = np.take_along_axis(nonconformity(p, order), order, axis=1)
    assert (scores[:, 0] == 0).all()
    assert (np.diff(scores, axis=1) >= 0).all()


def test_sets_match_the_published_algorithm():
    """The algorithm of Lu, Angelopoulos and Pomerantz, with its own loop."""
    rng = np.random.default_rng(0)
    for k in range(2, 8):
        p = rng.dirichlet(np.full(k, 0.7), 50)
        scores = nonconformity(p, interval_order(p))
        for threshold in (0.0, 0.3, 0.8, 0.99):
            for row, row_scores in zip(p, scores, strict=True):
                order, held = grown(row), 1
                while held < k and row[order[:held]].sum() <= threshold:
                    held += 1
                assert set(order[:held]) == set(np.flatnonzero(row_scores <= threshold))


def test_half_precision_and_a_certain_photo():
    p = np.array([[0, 0, 1, 0], [0.5, 0.25, 0.125, 0.125]], dtype=np.float16)
    assert nonconformity(p, interval_order(p)).tolist() == [[1, 1, 0, 1], [0, 0.5, 0.75, 0.875]]
