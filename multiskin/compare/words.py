"""Puts intervals into words and digits that never claim more than the interval shows."""

import math
from collections.abc import Callable
from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal

from multiskin.compare.intervals import PairedDifference
from multiskin.metrics.bootstrap import Interval

DECIMALS = 3  # of scores, differences and interval limits
FLATTERED = "Models were calibrated on these same photos, so their scores here are optimistic."
DISTILLED = "The shared model also learned from the single models of its seed; its training includes theirs."
UNDETECTED_SEEDS = (  # benchmarks/results/coverage.csv; the README quotes the same numbers
    "in simulated comparisons where seeds differed undetected, it covered the truth 87 times in 100 (71 to 95)"
)
EXACT = Context(prec=400)  # enough for every digit of any float


def plural(number: int, noun: str) -> str:
    """A noun as it follows a number: 1 photo, 2 photos."""
    return noun if number == 1 else f"{noun}s"


def of_subjects(subjects: int, unknown: int, format_number: Callable[[int], str] = str) -> str:
    """The words after a number of photos that say whose they are; "" if no subject is known.

    Args:
        subjects: how many known subjects the photos show.
        unknown: how many photos have no known subject.
        format_number: formats a number.
    """
    if not subjects:
        return ""
    known = f"of {format_number(subjects)} {plural(subjects, 'subject')}"
    return f", {format_number(unknown)} of unknown subjects and the others {known}" if unknown else f" {known}"


def rounded_down(value: float, decimals: int = DECIMALS) -> str:
    """A limit rounded down to these decimals, or to its first significant digit if it would otherwise read 0."""
    return _rounded(value, decimals, ROUND_FLOOR)


def rounded_up(value: float, decimals: int = DECIMALS) -> str:
    """A limit rounded up, likewise."""
    return _rounded(value, decimals, ROUND_CEILING)


def limits(low: float, high: float, decimals: int = DECIMALS) -> str:
    """An interval, rounded outwards."""
    return f"{rounded_down(low, decimals)} to {rounded_up(high, decimals)}"


def _rounded(value: float, decimals: int, rounding: str) -> str:
    if math.isinf(value):  # with so few subjects that nothing is known
        return str(value)
    exact = Decimal(repr(float(value)))  # as it is printed: the float nearest to 0.07 is slightly larger than 0.07
    rounded = exact.quantize(Decimal(1).scaleb(-decimals), rounding, EXACT)
    if exact and not rounded:
        rounded = exact.quantize(Decimal(1).scaleb(exact.adjusted()), rounding, EXACT)
    return f"{rounded or abs(rounded):f}"  # never "-0"


def verdict(difference: PairedDifference, higher_is_better: bool, unit_kind: str) -> str:
    """What the method's interval shows; with one seed, what the interval of these trained models shows."""
    if math.isnan(difference.value):
        return "unknown: no graded photo"
    if difference.no_spread:
        return f"unknown: the same for all {unit_kind}" if difference.by_seed.any() else "no difference seen"
    if math.isnan(difference.trained.low):
        return f"unknown: too few {unit_kind}"
    if len(difference.by_seed) > 1:
        return interval_verdict(difference.method, higher_is_better)
    as_trained = interval_verdict(difference.trained, higher_is_better)
    return f"as trained: {as_trained}; one seed says nothing about the method"


def interval_verdict(interval: Interval, higher_is_better: bool) -> str:
    """What the interval of a difference shows."""
    worst, best = (interval.low, interval.high) if higher_is_better else (-interval.high, -interval.low)
    if worst > 0:
        return "better"
    if best < 0:
        return "worse"
    return f"no difference shown ({rounded_up(-worst)} worse to {rounded_up(best)} better)"


def caveat(seeds: int) -> str:
    """A warning if two seeds make the method's interval unreliable; otherwise ""."""
    if seeds != 2:
        return ""
    return (
        "Two seeds are too few to rely on the method's interval, which covered the true difference in as few as 90 of "
        "100 simulated comparisons; use at least three (see the README)."
    )
