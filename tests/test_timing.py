"""Alternating tasks on a simulated clock, and the ratio of medians against plain loops."""

import random
import statistics

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from multiskin.timing import (
    MAX_ROUNDS,
    MIN_ROUNDS,
    medians_of_sides,
    ratio_of_sides,
    ratio_of_speeds,
    time_alternately,
    time_rounds,
)


class Machine:
    """A simulated clock and worker that takes a given time for each task, more and more if it grows tired."""

    def __init__(self, tired=0.0):
        self.now = 100.0
        self.tired = tired
        self.done = []

    def clock(self):
        return self.now

    def task(self, name, seconds):
        def work():
            self.done.append(name)
            self.now += seconds + self.tired * len(self.done)

        return work


def test_warms_up_and_then_takes_turns_in_changing_order():
    machine = Machine()
    seconds = time_alternately([machine.task("a", 1.0), machine.task("b", 3.0)], 0, machine.clock)
    assert "".join(machine.done) == "ab" + "".join(["ab", "ba"][n % 2] for n in range(MIN_ROUNDS))
    assert seconds.tolist() == [[1.0, 3.0]] * MIN_ROUNDS


def test_a_machine_that_grows_slower_favours_none():
    machine = Machine(tired=0.5)
    seconds = time_alternately([machine.task("a", 1.0), machine.task("b", 1.0)], 0, machine.clock)
    first, second = seconds[: MIN_ROUNDS // 2 * 2].sum(axis=0)
    assert first == second


ENOUGH = MIN_ROUNDS + 3  # rounds, of 4 seconds each


@pytest.mark.parametrize(
    ("budget", "rounds"), [(0, MIN_ROUNDS), (4 * ENOUGH, ENOUGH), (4 * ENOUGH + 0.1, ENOUGH + 1), (1e9, MAX_ROUNDS)]
)
def test_begins_no_round_when_the_budget_is_spent(budget, rounds):
    machine = Machine()
    assert len(time_alternately([machine.task("a", 1.0), machine.task("b", 3.0)], budget, machine.clock)) == rounds


def test_the_ratio_and_its_interval_are_those_of_plain_loops():
    draw = random.Random(0)
    seconds = [(draw.uniform(1, 2), draw.uniform(3, 9), draw.uniform(0, 4)) for _ in range(30)]

    def sides(rounds):
        first, *others = (statistics.median(task) for task in zip(*rounds, strict=True))
        return first, sum(others)

    def ratio(rounds):
        first, others = sides(rounds)
        return others / first

    resampled = sorted(ratio(draw.choices(seconds, k=len(seconds))) for _ in range(4000))
    value, low, high = ratio_of_sides(np.array(seconds))
    assert medians_of_sides(np.array(seconds)).tolist() == pytest.approx(sides(seconds))
    assert value == pytest.approx(ratio(seconds))
    assert (low, high) == pytest.approx((resampled[100], resampled[3900]), rel=0.04)


rounds = arrays(np.float64, st.tuples(st.integers(5, 12), st.just(2)), elements=st.floats(0.01, 100))


@settings(max_examples=25, deadline=None)
@given(rounds)
def test_the_ratio_lies_in_its_interval_and_follows_the_unit(seconds):
    value, low, high = ratio_of_sides(seconds)
    assert low <= value <= high
    assert ratio_of_sides(seconds * [1, 4]) == pytest.approx((4 * value, 4 * low, 4 * high))
    assert ratio_of_sides(seconds[:, ::-1]).value == pytest.approx(1 / value)


def test_equal_tasks_have_their_number_for_a_ratio():
    assert ratio_of_sides(np.repeat([[1.0], [5.0], [2.0]], 4, axis=1)) == (3.0, 3.0, 3.0)


def test_what_disturbs_all_alike_does_not_count_against_the_many():
    disturbed = 1 + np.random.default_rng(0).pareto(1.5, (4000, 6))
    one, five = medians_of_sides(disturbed)
    assert five / one == pytest.approx(5, abs=0.1)
    assert np.median(disturbed[:, 1:].sum(axis=1)) / np.median(disturbed[:, 0]) > 6


def test_tasks_take_turns_and_every_other_round_goes_backwards():
    called = []

    def task(name, seconds):
        called.append(name)
        return seconds

    found = time_rounds([lambda: task("a", 1.0), lambda: task("b", 2.0)], range(3))
    assert called == ["a", "b", *"abbaab"]
    np.testing.assert_array_equal(found, [[1.0, 2.0]] * 3)


def test_the_ratio_is_that_of_medians():
    seconds = np.array([[1.0, 2.0], [1.1, 2.1], [9.0, 2.2]])
    ratio = ratio_of_speeds(seconds)
    assert ratio.value == pytest.approx(1.1 / 2.1)
    assert 1.0 / 2.2 <= ratio.low <= ratio.value <= ratio.high <= 9.0 / 2.0
    assert ratio_of_speeds(np.array([[1.0, 2.0]] * 4)) == pytest.approx((0.5, 0.5, 0.5))
