"""What an interval shows, in words and digits that are never surer than it is."""

import math
from collections.abc import Callable
from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal

from multiskin.compare.intervals import PairedDifference
from multiskin.metrics.bootstrap import Interval

DECIMALS = 3  # of scores, differences and their limits
FLATTERED = "Models were calibrated to these very photos, which flatters them."
UNSEEN = (  # benchmarks/results/coverage.csv, of which the README tells as much
    "in simulated comparisons whose seeds differed and were not seen to, it held the truth 88 times in 100 (62 to 96)"
)
WHOLE = Context(prec=400)  # every digit of any float


def plural(number: int, noun: str) -> str:
    """A noun as it stands behind a number: 1 photo, 2 photos."""
    return noun if number == 1 else f"{noun}s"


def whose(subjects: int, strangers: int, written: Callable[[int], str] = str) -> str:
    """What follows a number of photos of so many subjects, and of so many photos whose subject is not known.

    Nothing, if no subject is known at all; written is how numbers are.
    """
    if not subjects:
        return ""
    known = f"of {written(subjects)} {plural(subjects, 'subject')}"
    return f", {written(strangers)} of nobody known and the others {known}" if strangers else f" {known}"


def rounded_down(value: float, decimals: int = DECIMALS) -> str:
    """A limit, written no higher than it is; with further digits where one that is not 0 would be written as 0."""
    return _rounded(value, decimals, ROUND_FLOOR)


def rounded_up(value: float, decimals: int = DECIMALS) -> str:
    """A limit, written no lower than it is; with further digits likewise."""
    return _rounded(value, decimals, ROUND_CEILING)


def limits(low: float, high: float, decimals: int = DECIMALS) -> str:
    """An interval, written no narrower than it is."""
    return f"{rounded_down(low, decimals)} to {rounded_up(high, decimals)}"


def _rounded(value: float, decimals: int, rounding: str) -> str:
    if math.isinf(value):  # of so few subjects that nothing is known
        return str(value)
    exact = Decimal(repr(float(value)))  # as it is read, for the next float to 0.07 is a little more
    rounded = exact.quantize(Decimal(1).scaleb(-decimals), rounding, WHOLE)
    if exact and not rounded:
        rounded = exact.quantize(Decimal(1).scaleb(exact.adjusted()), rounding, WHOLE)
    return f"{rounded or abs(rounded):f}"  # there is no minus zero


def verdict(difference: PairedDifference, higher_is_better: bool, unit_kind: str) -> str:
    """What the method's interval shows, or that of these trained models if there is one seed."""
    if math.isnan(difference.value):
        return "unknown: no graded photo"
    if difference.alike:
        return f"unknown: the same for all {unit_kind}" if difference.by_seed.any() else "no difference seen"
    if math.isnan(difference.trained.low):
        return f"unknown: too few {unit_kind}"
    if len(difference.by_seed) > 1:
        return in_words(difference.method, higher_is_better)
    return f"as trained: {in_words(difference.trained, higher_is_better)}; of the method one seed shows nothing"


def in_words(interval: Interval, higher_is_better: bool) -> str:
    """What an interval of a difference shows, and no more."""
    worst, best = (interval.low, interval.high) if higher_is_better else (-interval.high, -interval.low)
    if worst > 0:
        return "better"
    if best < 0:
        return "worse"
    return f"no difference shown ({rounded_up(-worst)} worse to {rounded_up(best)} better)"


def caveat(seeds: int) -> str:
    """What keeps the method's interval from being relied on; "" if nothing does, or if there is none."""
    if seeds != 2:
        return ""
    return (
        "Two seeds: too few to rely on the method's interval, which held the truth in as few as 90 of 100 simulated "
        "comparisons; three are the fewest (see the README)."
    )
