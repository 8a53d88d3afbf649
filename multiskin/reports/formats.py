"""How numbers are written for readers."""

from datetime import timedelta

import numpy as np
from matplotlib.ticker import EngFormatter

from multiskin.metrics.bootstrap import Interval

ABSENT = "–"


def number(value: float | None, decimals: int = 2) -> str:
    """A number with a minus sign instead of a hyphen; a dash if it does not exist."""
    return _written(value, f".{decimals}f", decimals)


def signed(value: float | None, decimals: int = 2) -> str:
    """A difference with its sign, + or −; without a sign if it rounds to 0."""
    return _written(value, f"+.{decimals}f", decimals).replace(f"+{0:.{decimals}f}", f"{0:.{decimals}f}")


def magnitude(value: float | None, decimals: int = 2) -> str:
    """A number above 0, never written as 0: too small for these decimals, it is less than their last place."""
    least = 10**-decimals
    return f"<{number(least, decimals)}" if value and 0 < value < least / 2 else number(value, decimals)


def _written(value: float | None, how: str, decimals: int) -> str:
    if value is None or np.isnan(value):
        return ABSENT
    return f"{round(value, decimals) + 0.0:{how}}".replace("-", "−")  # + 0.0 turns -0.0 into 0.0


def between(score: Interval, decimals: int = 2) -> str:
    """The limits of a score's interval; "" if there is none."""
    return span(score.low, score.high, decimals) if not np.isnan(score.low) else ""


def span(low: float, high: float, decimals: int = 2) -> str:
    """The limits of an interval; a dash if there is none."""
    return ABSENT if np.isnan(low) else f"{number(low, decimals)} to {number(high, decimals)}"


def count(value: int) -> str:
    return f"{value:,}".replace(",", "\u202f")


def percent(share: float) -> str:
    """A share in [0, 1] as a percentage; one above 0 is never written as 0 %."""
    return "< 1 %" if 0 < share < 0.005 else f"{100 * share:.0f} %"


def amount(value: float, unit: str) -> str:
    """A value with its unit, in three significant digits; a dash if it is not known."""
    if np.isnan(value):
        return ABSENT
    if unit == "s":
        return str(timedelta(seconds=round(value)))
    if unit in ("", "bytes"):
        return EngFormatter("B" if unit else "")(float(f"{value:.3g}"))
    return f"{value:.3g} {unit}" if value < 1000 else f"{count(round(value))} {unit}"
