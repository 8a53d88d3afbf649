"""Compares the speed of tasks that alternate in one process, since a machine's speed changes over time."""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial

import numpy as np

from multiskin.metrics.bootstrap import RESAMPLES, Interval, interval

MIN_ROUNDS, MAX_ROUNDS = 15, 200


def time_rounds(tasks: Sequence[Callable[[], float]], rounds: Iterable[int]) -> np.ndarray:
    """Runs every task once to warm up, then all of them in each round.

    Every other round runs backwards, so that a machine that becomes slower or faster favours no task.

    Args:
        tasks: T tasks, each of which does its work and returns the seconds it took.
        rounds: the numbers of the R rounds, from 0 on.

    Returns:
        (R, T) seconds.
    """
    for task in tasks:
        task()
    seconds = []
    for number in rounds:
        step = -1 if number % 2 else 1
        seconds.append([task() for task in tasks[::step]][::step])
    return np.array(seconds)


def time_alternately(
    tasks: Sequence[Callable[[], object]], budget: float, clock: Callable[[], float] = time.perf_counter
) -> np.ndarray:
    """Times tasks round after round until the budget is spent.

    Args:
        tasks: T tasks, each of which has finished its work when it returns.
        budget: seconds after which no further round starts, except to reach MIN_ROUNDS.
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
    """The rounds (R, T) themselves, followed by bootstrap resamples of them: (1 + RESAMPLES, R, T)."""
    rounds = len(seconds)
    draws = np.random.default_rng(seed).integers(rounds, size=(RESAMPLES, rounds))
    return seconds[np.vstack([np.arange(rounds), draws])]


def ratio_of_speeds(seconds: np.ndarray, seed: int = 0) -> Interval:
    """The speed of the second task relative to the first: the median over rounds, from (R, 2) seconds.

    The ratio is taken within rounds, where both tasks find the machine in the same state. The interval is from a
    bootstrap of the rounds.
    """
    drawn = resampled_rounds(seconds, seed)
    return interval(np.median(drawn[..., 0] / drawn[..., 1], axis=1))


def medians_of_sides(seconds: np.ndarray) -> np.ndarray:
    """The median of the first task and the sum of the medians of all others: (..., R, T) seconds to (..., 2).

    The medians are taken per task because the median of a sum of noisy times is closer to its mean than the medians of
    single times are to theirs: outliers would count more on the side with more tasks.
    """
    medians = np.median(seconds, axis=-2)  # (..., T)
    return np.stack([medians[..., 0], medians[..., 1:].sum(axis=-1)], axis=-1)


def ratio_of_sides(seconds: np.ndarray, seed: int = 0) -> Interval:
    """The time of all other tasks together relative to the first, by the medians of (R, T) seconds.

    The interval, from a bootstrap of the rounds, is for this machine as it was at the time, not for other machines.
    """
    sides = medians_of_sides(resampled_rounds(seconds, seed))  # (1 + RESAMPLES, 2)
    return interval(sides[:, 1] / sides[:, 0])
