"""Rivals timed in turns in one process, since a machine's speed changes from minute to minute."""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial

import numpy as np

from multiskin.metrics.bootstrap import RESAMPLES, Interval, interval

MIN_ROUNDS, MAX_ROUNDS = 15, 200  # rounds


def time_rounds(tasks: Sequence[Callable[[], float]], rounds: Iterable[int]) -> np.ndarray:
    """Does every task once to warm up, then all of them in each of the given rounds.

    Every other round goes backwards, so that a machine that becomes slower or faster favours none.

    Args:
        tasks: T of them; each does all of its work and returns how many seconds it took.
        rounds: their numbers, from 0 on; R of them.

    Returns:
        (R, T) seconds.
    """
    for task in tasks:
        task()  # does what is loaded, compiled or cached at first use
    found = []
    for number in rounds:
        step = -1 if number % 2 else 1
        found.append([task() for task in tasks[::step]][::step])
    return np.array(found)


def time_alternately(
    tasks: Sequence[Callable[[], object]], budget: float, clock: Callable[[], float] = time.perf_counter
) -> np.ndarray:
    """How long tasks take, round after round until the budget is spent.

    Args:
        tasks: T of them; each has done all of its work when it returns.
        budget: seconds; after that no round is begun, except to reach the fewest rounds.
        clock: returns the time in seconds.

    Returns:
        (R, T) seconds.
    """
    return time_rounds([partial(_seconds, task, clock) for task in tasks], _within(budget, clock))


def _within(budget: float, clock: Callable[[], float]) -> Iterator[int]:
    end = clock() + budget
    for number in range(MAX_ROUNDS):
        if number >= MIN_ROUNDS and clock() >= end:
            return
        yield number


def _seconds(task: Callable[[], object], clock: Callable[[], float]) -> float:
    start = clock()
    task()
    return clock() - start


def resampled_rounds(seconds: np.ndarray, seed: int = 0) -> np.ndarray:
    """Rounds (R, T) as they were, followed by resamples drawn with replacement: (1 + RESAMPLES, R, T)."""
    rounds = len(seconds)
    draws = np.random.default_rng(seed).integers(rounds, size=(RESAMPLES, rounds))
    return seconds[np.vstack([np.arange(rounds), draws])]


def ratio_of_speeds(seconds: np.ndarray, seed: int = 0) -> Interval:
    """The second task's speed as a share of the first's: the median over rounds, from (R, 2) seconds.

    Both tasks of a round find the machine in the same state, however that changes. The interval is from a bootstrap of
    the rounds.
    """
    drawn = resampled_rounds(seconds, seed)
    return interval(np.median(drawn[..., 0] / drawn[..., 1], axis=1))


def medians_of_sides(seconds: np.ndarray) -> np.ndarray:
    """The median of the first task, and the sum of the medians of all others: (..., R, T) seconds to (..., 2).

    Each task has its own median, since the median of a sum of disturbed times lies nearer to its mean than theirs do:
    the side with more tasks would pay more for what disturbs both.
    """
    medians = np.median(seconds, axis=-2)  # (..., T)
    return np.stack([medians[..., 0], medians[..., 1:].sum(axis=-1)], axis=-1)


def ratio_of_sides(seconds: np.ndarray, seed: int = 0) -> Interval:
    """How many times as long as the first task all others together take, by the medians of (R, T) seconds.

    The interval, from a bootstrap of the rounds, says how sure that is for this machine as it was at the time, and
    nothing about other machines.
    """
    sides = medians_of_sides(resampled_rounds(seconds, seed))  # (1 + RESAMPLES, 2)
    return interval(sides[:, 1] / sides[:, 0])
