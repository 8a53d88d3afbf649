"""Rivals timed by turns in one process, since a machine is never as fast now as it was a minute ago."""

import time
from collections.abc import Callable, Sequence

import numpy as np

from multiskin.metrics.bootstrap import RESAMPLES, Interval, interval

FEWEST, MOST = 15, 200  # rounds


def time_by_turns(
    tasks: Sequence[Callable[[], object]], budget: float, clock: Callable[[], float] = time.perf_counter
) -> np.ndarray:
    """Does every task once to warm up, and then all of them round after round.

    Every other round goes backwards, so that a machine that grows slower or faster favours none.

    Args:
        tasks: T of them; each has done all of its work when it returns.
        budget: seconds, after which no round is begun but those that make up the fewest.
        clock: tells the seconds.

    Returns:
        (R, T) seconds.
    """
    for task in tasks:
        task()
    rounds: list[list[float]] = []
    end = clock() + budget
    while len(rounds) < FEWEST or (len(rounds) < MOST and clock() < end):
        step = -1 if len(rounds) % 2 else 1
        rounds.append([_seconds(task, clock) for task in tasks[::step]][::step])
    return np.array(rounds)


def medians_of_sides(seconds: np.ndarray) -> np.ndarray:
    """The median of the first task, and the sum of those of all others: (..., R, T) seconds to (..., 2).

    One by one, for a sum of disturbed times has a median that is nearer to its mean than theirs are: the side with more
    tasks would pay more for what disturbs both.
    """
    medians = np.median(seconds, axis=-2)  # (..., T)
    return np.stack([medians[..., 0], medians[..., 1:].sum(axis=-1)], axis=-1)


def ratio_of_sides(seconds: np.ndarray, seed: int = 0) -> Interval:
    """How many times as long as the first task all others take, by the medians of (R, T) seconds.

    The interval, from a bootstrap of the rounds, says how sure that is of this machine as it was at the time, and
    nothing of other machines.
    """
    rounds = len(seconds)
    draws = np.random.default_rng(seed).integers(rounds, size=(RESAMPLES, rounds))
    sides = medians_of_sides(seconds[np.vstack([np.arange(rounds), draws])])  # (1 + RESAMPLES, 2)
    return interval(sides[:, 1] / sides[:, 0])


def _seconds(task: Callable[[], object], clock: Callable[[], float]) -> float:
    start = clock()
    task()
    return clock() - start
