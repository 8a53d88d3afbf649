import math

import pytest

from multiskin.metrics.bootstrap import Interval
from multiskin.reports.formats import amount, between, count, magnitude, number, percent, signed, span


@pytest.mark.parametrize(
    ("value", "decimals", "written"),
    [(0.625, 3, "0.625"), (-0.5, 2, "−0.50"), (-0.001, 2, "0.00"), (math.nan, 2, "–"), (None, 2, "–")],
)
def test_numbers(value: float | None, decimals: int, written: str) -> None:
    assert number(value, decimals) == written


@pytest.mark.parametrize(
    ("value", "written"),
    [(0.0124, "0.012"), (0.0005, "0.001"), (0.0004, "<0.001"), (1e-17, "<0.001"), (0.0, "0.000"), (math.nan, "–")],
)
def test_what_is_above_nothing_is_not_written_as_nothing(value: float, written: str) -> None:
    assert magnitude(value, 3) == written


@pytest.mark.parametrize(
    ("value", "written"),
    [(0.0124, "+0.012"), (-0.0124, "−0.012"), (0.0, "0.000"), (-0.0004, "0.000"), (10.0, "+10.000"), (math.nan, "–")],
)
def test_differences_have_a_sign_unless_they_round_to_nothing(value: float, written: str) -> None:
    assert signed(value, 3) == written


def test_limits() -> None:
    assert span(-0.1, 0.2) == "−0.10 to 0.20"
    assert span(math.nan, math.nan) == "–"
    assert between(Interval(0.0, -0.1, 0.2), 3) == "−0.100 to 0.200"
    assert between(Interval(0.0, math.nan, math.nan)) == ""


@pytest.mark.parametrize(
    ("value", "unit", "written"),
    [
        (4_007_548, "", "4.01 M"),
        (385_887_664, "", "386 M"),
        (17, "", "17"),
        (244_012_345, "bytes", "244 MB"),
        (3725.4, "s", "1:02:05"),
        (0.5234, "ms", "0.523 ms"),
        (104.2, "ms", "104 ms"),
        (12_345.6, "photos/s", "12\u202f346 photos/s"),
    ],
)
def test_amounts_have_digits_that_one_can_take_in(value: float, unit: str, written: str) -> None:
    assert amount(value, unit) == written


def test_counts_are_told_in_thousands() -> None:
    assert count(1_234_567) == "1\u202f234\u202f567"


@pytest.mark.parametrize(
    ("share", "written"), [(0.0, "0 %"), (0.004, "< 1 %"), (0.006, "1 %"), (0.345, "34 %"), (1.0, "100 %")]
)
def test_shares(share: float, written: str) -> None:
    assert percent(share) == written
