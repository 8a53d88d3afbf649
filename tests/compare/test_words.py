"""Words and digits claim no more than an interval shows."""

import math
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from multiskin.compare.intervals import PairedDifference
from multiskin.compare.words import (
    caveat,
    interval_verdict,
    limits,
    of_subjects,
    plural,
    rounded_down,
    rounded_up,
    verdict,
)
from multiskin.metrics.bootstrap import Interval

NUMBERS = st.floats(-2, 2, allow_subnormal=False)


@settings(max_examples=200, deadline=None)
@given(NUMBERS)
def test_limits_are_rounded_outwards_and_only_zero_reads_zero(value: float) -> None:
    down, up = rounded_down(value), rounded_up(value)
    assert Decimal(down) <= Decimal(repr(value)) <= Decimal(up)
    assert Decimal(up) - Decimal(down) <= Decimal("0.001")
    for text in (down, up):
        assert len(text.partition(".")[2]) >= 3
        assert (Decimal(text) == 0) == (value == 0)
        assert text != "-0.000"


@pytest.mark.parametrize(("decimals", "written"), [(1, "-0.2 to 0.5"), (2, "-0.13 to 0.42")])
def test_limits_have_as_many_digits_as_asked(decimals: int, written: str) -> None:
    assert limits(-0.1234, 0.4123, decimals) == written


@settings(max_examples=200, deadline=None)
@given(NUMBERS, NUMBERS, st.booleans())
def test_printed_limits_agree_with_the_verdict(one: float, other: float, higher: bool) -> None:
    low, high = sorted((one, other))
    down, up = map(float, limits(low, high).split(" to "))
    words = interval_verdict(Interval((low + high) / 2, low, high), higher)
    assert interval_verdict(Interval(0.0, down, up), higher) == words


@pytest.mark.parametrize(
    ("low", "high", "written"),
    [
        (0.07, 0.07, "0.070 to 0.070"),
        (0.0002, 0.0516, "0.0002 to 0.052"),
        (-0.0516, -0.0002, "-0.052 to -0.0002"),
        (-0.0002, 0.0002, "-0.001 to 0.001"),
        (-0.0, 0.0, "0.000 to 0.000"),
        (0.00059, 1.0, "0.0005 to 1.000"),
        (-1e20, float("inf"), "-100000000000000000000.000 to inf"),
    ],
)
def test_limits_get_more_digits_where_they_would_read_zero(low: float, high: float, written: str) -> None:
    assert limits(low, high) == written


@pytest.mark.parametrize(
    ("low", "high", "higher_is_better", "words"),
    [
        (0.01, 0.2, True, "better"),
        (0.01, 0.2, False, "worse"),
        (-0.2, -0.01, True, "worse"),
        (-0.2, -0.01, False, "better"),
        (-0.0101, 0.02, True, "no difference shown (0.011 worse to 0.020 better)"),
        (-0.0101, 0.02, False, "no difference shown (0.020 worse to 0.011 better)"),
        (0.0, 0.02, True, "no difference shown (0.000 worse to 0.020 better)"),
    ],
)
def test_verdicts_claim_no_more_than_the_interval(low: float, high: float, higher_is_better: bool, words: str) -> None:
    assert interval_verdict(Interval(0.0, low, high), higher_is_better) == words


def test_numbers_agree_with_their_nouns() -> None:
    assert [f"{number} {plural(number, 'photo')}" for number in (0, 1, 2)] == ["0 photos", "1 photo", "2 photos"]


@pytest.mark.parametrize(
    ("subjects", "unknown", "words"),
    [
        (0, 7, ""),
        (1, 0, " of 1 subject"),
        (80, 0, " of 80 subjects"),
        (1, 1, ", 1 of unknown subjects and the others of 1 subject"),
        (60, 23, ", 23 of unknown subjects and the others of 60 subjects"),
    ],
)
def test_photos_of_unknown_subjects_are_counted_apart(subjects: int, unknown: int, words: str) -> None:
    assert of_subjects(subjects, unknown) == words


def test_only_two_seeds_need_a_warning_about_the_methods_interval() -> None:
    assert [bool(caveat(seeds)) for seeds in (1, 2, 3, 5)] == [False, True, False, False]
    assert caveat(2).startswith("Two seeds are too few")


@pytest.mark.parametrize(
    ("by_seed", "covariance", "words"),
    [
        ((0.0, 0.0), 0.0, "no difference seen"),
        ((0.5, 0.5), 0.0, "unknown: the same for all subjects"),
        ((0.0, 0.0), math.nan, "unknown: too few subjects"),
    ],
)
def test_an_unknown_difference_gives_its_reason(by_seed: tuple[float, ...], covariance: float, words: str) -> None:
    difference = PairedDifference(np.array(by_seed), np.full((2, 2), covariance), 9.0)
    assert np.isnan([*difference.trained[1:], *difference.method[1:], difference.detectable]).all()
    assert verdict(difference, True, "subjects") == words
