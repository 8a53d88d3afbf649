"""Precision, recall and F1 by class, against scikit-learn's report."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import classification_report as oracle

from multiskin.metrics.functional import confusion_matrix
from multiskin.reports.classification import classification_report
from multiskin.schema import Attribute, Schema

SCHEMA = Schema((Attribute("lines", 3), Attribute("kind", 4, "nominal", grade_names=("a", "b", "c", "d"))))
ROWS = {"macro average": "macro avg", "weighted average": "weighted avg"}


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=30))
def test_it_is_the_report_of_scikit_learn(pairs):
    true, decided = (np.array(column) for column in zip(*pairs, strict=True))
    confusion = np.zeros((2, 4, 4), int)
    confusion[1] = confusion_matrix(torch.from_numpy(true), torch.from_numpy(decided), 4).numpy()
    table = classification_report(confusion, SCHEMA)
    assert set(table["attribute"]) == {"kind"}  # nobody has graded the other
    expected = oracle(true, decided, output_dict=True, zero_division=0.0)
    names = {str(grade): "abcd"[grade] for grade in range(4)}
    rows = table.set_index("class")
    assert list(rows.index) == [*(names[key] for key in expected if key in names), *ROWS, "accuracy"]
    for name, key in {names[key]: key for key in expected if key in names}.items() | ROWS.items():
        found = rows.loc[name, ["precision", "recall", "f1", "photos"]].astype(float).tolist()
        assert found == pytest.approx([expected[key][of] for of in ("precision", "recall", "f1-score", "support")])
    assert rows.loc["accuracy", "f1"] == pytest.approx((true == decided).mean())
