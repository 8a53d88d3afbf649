"""Which grades are recognised and what the others are taken for, against plain counting."""

from collections import Counter

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from multiskin.reports.graded import GradedPredictions
from multiskin.reports.mistakes import head_mistakes
from multiskin.schema import MISSING, Attribute, Schema

SCHEMA = Schema((Attribute("shine", 4), Attribute("kind", 3, "nominal", grade_names=("dry", "oily", "both"))))


def predictions(shine, kind):
    """From lists of (true, predicted), as long as each other."""
    grades = np.array([[one[0], other[0]] for one, other in zip(shine, kind, strict=True)])
    decisions = np.array([[one[1], other[1]] for one, other in zip(shine, kind, strict=True)])
    table = pd.DataFrame({"image": [f"{row}.jpg" for row in range(len(grades))]})
    return GradedPredictions(SCHEMA, table, grades, decisions)


def answers(grades):
    return st.tuples(st.integers(MISSING, grades - 1), st.integers(0, grades - 1))


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(answers(4), answers(3)), min_size=1, max_size=25))
def test_each_grade_is_counted_as_by_hand(pairs):
    shine, kind = (list(column) for column in zip(*pairs, strict=True))
    for head, of_head in zip(head_mistakes(predictions(shine, kind)), (shine, kind), strict=True):
        by_grade = {true: [got for grade, got in of_head if grade == true] for true, _ in of_head if true != MISSING}
        assert len(head.grades) == len(by_grade)
        for grade, true in zip(head.grades, sorted(by_grade), strict=True):
            got = by_grade[true]
            assert grade.photos == len(got)
            assert grade.recall.value == pytest.approx(got.count(true) / len(got))
            decided = [truth for truth, other in of_head if other == true and truth != MISSING]
            if decided:
                assert grade.precision.value == pytest.approx(decided.count(true) / len(decided))
            else:
                assert np.isnan(grade.precision.value)
            assert grade.f1.value == pytest.approx(2 * got.count(true) / (len(got) + len(decided)))
            wrong = Counter(other for other in got if other != true)
            assert [other.share for other in grade.taken_for] == pytest.approx(
                [number / len(got) for _, number in wrong.most_common(2)]
            )
            if head.ordinal:
                assert grade.low == pytest.approx(sum(other < true for other in got) / len(got))
                assert grade.high == pytest.approx(sum(other > true for other in got) / len(got))


def test_grades_are_called_by_their_names_and_have_no_direction_without_an_order():
    shine, kind = head_mistakes(predictions([(0, 0)] * 4, [(1, 1), (1, 2), (1, 2), (1, 0)]))
    assert [(grade.label, grade.taken_for, grade.low, grade.high) for grade in shine.grades] == [("0", [], 0.0, 0.0)]
    (oily,) = kind.grades
    assert (oily.label, oily.low, oily.high) == ("oily", None, None)
    assert [(other.label, other.share) for other in oily.taken_for] == [("both", 0.5), ("dry", 0.25)]


def test_the_recall_has_an_interval():
    recall = head_mistakes(predictions([(2, 2), (2, 1)] * 20, [(0, 0)] * 40))[0].grades[0].recall
    assert 0.3 < recall.low < 0.5 < recall.high < 0.7
