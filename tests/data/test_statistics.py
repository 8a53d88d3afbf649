import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import spearmanr

from multiskin.data.manifest import Manifest
from multiskin.data.statistics import FEWEST, pairs, patterns
from multiskin.schema import Attribute, Schema

SCHEMA = Schema((Attribute("shine", 5), Attribute("lines", 3), Attribute("kind", 2, "nominal")))


def manifest_of(grades):
    grades = np.array(grades, dtype=np.int64).reshape(-1, 3)
    names = np.array([f"{number}.jpg" for number in range(len(grades))], dtype=object)
    return Manifest(SCHEMA, None, names, grades, np.arange(len(grades)), None, None, None, pd.DataFrame())


GRADES = st.lists(st.tuples(st.integers(-1, 4), st.integers(-1, 2), st.integers(-1, 1)), max_size=40)


@settings(max_examples=50, deadline=None)
@given(GRADES)
def test_pairs_count_photos_that_are_graded_for_both(rows):
    found = list(pairs(manifest_of(rows)))
    assert [(pair.first.name, pair.second.name) for pair in found] == [
        ("shine", "lines"),
        ("shine", "kind"),
        ("lines", "kind"),
    ]
    for pair, (g, h) in zip(found, [(0, 1), (0, 2), (1, 2)], strict=True):
        for one in range(pair.first.grades):
            for other in range(pair.second.grades):
                assert pair.counts[one, other] == sum(row[g] == one and row[h] == other for row in rows)
        assert pair.photos == sum(row[g] >= 0 and row[h] >= 0 for row in rows)


@settings(max_examples=50, deadline=None)
@given(GRADES)
def test_the_correlation_is_that_of_ranks(rows):
    both = [row for row in rows if row[0] >= 0 and row[1] >= 0]
    found = next(pairs(manifest_of(rows))).correlation
    if len(both) < FEWEST or len({row[0] for row in both}) < 2 or len({row[1] for row in both}) < 2:
        assert np.isnan(found)
    else:
        expected = spearmanr([row[0] for row in both], [row[1] for row in both]).statistic
        assert found == pytest.approx(expected, abs=1e-12)


def test_classes_have_no_rank():
    rows = [(number % 5, number % 3, number % 2) for number in range(60)]
    assert [np.isnan(pair.correlation) for pair in pairs(manifest_of(rows))] == [False, True, True]


def test_patterns_say_what_is_graded_together():
    found = patterns(manifest_of([(0, -1, -1), (-1, 1, 0), (4, -1, -1), (-1, -1, -1)]))
    assert [(tuple(each.name for each in graded), photos) for graded, photos in found] == [
        (("shine",), 2),
        ((), 1),
        (("lines", "kind"), 1),
    ]
