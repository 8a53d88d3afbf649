"""How numbers are written for readers."""

from datetime import timedelta

import numpy as np
from matplotlib.ticker import EngFormatter

from multiskin.metrics.bootstrap import Interval

ABSENT = "–"


def number(value: float | None, decimals: int = 2) -> str:
    """With a true minus; a dash for what does not exist."""
    return _written(value, f".{decimals}f", decimals)


def signed(value: float | None, decimals: int = 2) -> str:
    """A difference, which has a sign however small it is, and none where it rounds to nothing."""
    return _written(value, f"+.{decimals}f", decimals).replace(f"+{0:.{decimals}f}", f"{0:.{decimals}f}")


def _written(value: float | None, how: str, decimals: int) -> str:
    if value is None or np.isnan(value):
        return ABSENT
    return f"{round(value, decimals) + 0.0:{how}}".replace("-", "−")  # + 0.0, for there is no minus zero


def between(score: Interval, decimals: int = 2) -> str:
    """The limits of an interval; nothing where there is none."""
    return span(score.low, score.high, decimals) if not np.isnan(score.low) else ""


def span(low: float, high: float, decimals: int = 2) -> str:
    """The limits of a difference's or a score's interval; a dash where there is none."""
    return ABSENT if np.isnan(low) else f"{number(low, decimals)} to {number(high, decimals)}"


def count(value: int) -> str:
    return f"{value:,}".replace(",", "\u202f")


def percent(share: float) -> str:
    """A share 0..1; one that is not 0 is never written as if it were."""
    return "< 1 %" if 0 < share < 0.005 else f"{100 * share:.0f} %"


def amount(value: float, unit: str) -> str:
    """So much of some unit, in three digits; a dash for what is not known."""
    if np.isnan(value):
        return ABSENT
    if unit == "s":
        return str(timedelta(seconds=round(value)))
    if unit in ("", "bytes"):
        return EngFormatter("B" if unit else "")(float(f"{value:.3g}"))
    return f"{value:.3g} {unit}" if value < 1000 else f"{count(round(value))} {unit}"
