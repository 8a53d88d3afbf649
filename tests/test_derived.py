"""Labels derived from grades: the first rule that holds decides, and unknown grades give no label."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from multiskin.derived import Derived, derive
from multiskin.errors import UserError
from multiskin.schema import Attribute, Schema

ENTRY = {
    "name": "type",
    "display": {"en": "Type", "ko": "유형"},
    "rules": [
        {"label": "both", "when": {"oil": [2, 3], "flakes": [1, 2]}},
        {"label": "oily", "when": {"oil": [2, 3]}},
        {"label": "dry", "when": {"flakes": 2}},
    ],
    "otherwise": "fine",
    "labels": {"oily": {"en": "oily skin", "ko": "지성"}},
}
ATTRIBUTES = [{"name": "oil", "grades": 4}, {"name": "flakes", "grades": 3}]


def schema(**changes):
    return Schema.from_dict({"attributes": ATTRIBUTES, "derived": [ENTRY | changes]})


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 3), st.integers(0, 2))
def test_the_first_rule_that_holds_decides(oil, flakes):
    if oil >= 2 and flakes >= 1:
        label = "both"
    elif oil >= 2:
        label = "oily"
    else:
        label = "dry" if flakes == 2 else "fine"
    assert derive(schema().derived, {"oil": oil, "flakes": flakes}) == {"type": label}


def test_nothing_follows_from_a_grade_that_is_lacking():
    (derived,) = schema().derived
    assert derived.label({"oil": 3, "flakes": None}) is None
    assert derived.label({"oil": 3}) is None


def test_words():
    (derived,) = schema().derived
    assert (derived.title(), derived.title("ko")) == ("Type", "유형")
    assert (derived.words("oily", "ko"), derived.words("dry", "ko")) == ("지성", "dry")


def test_it_survives_a_file_and_takes_no_part_in_comparisons(tmp_path):
    made = schema()
    made.save(tmp_path / "schema.yaml")
    read = Schema.load(tmp_path / "schema.yaml")
    assert read.derived == made.derived
    assert read == Schema((Attribute("oil", 4), Attribute("flakes", 3)))
    assert Derived.from_dict(made.derived[0].to_dict()) == made.derived[0]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"rules": [{"label": "x", "when": {"oill": [1]}}]}, "unknown attribute 'oill': did you mean 'oil'"),
        ({"rules": [{"label": "x", "when": {"oil": [4]}}]}, r"the grades of oil are \[4\]; give some of 0 to 3"),
        ({"rules": [{"label": "x", "when": {"oil": []}}]}, "give some of 0 to 3"),
        ({"rules": [{"label": "x", "when": {"oil": ["2"]}}]}, "give the grades that count"),
        ({"rules": [{"label": "x", "when": {"oil": True}}]}, "give the grades that count"),
        ({"rules": [{"label": "x"}]}, "is not a rule"),
        ({"rules": {"label": "x"}}, "give a list"),
        ({"name": "oil"}, "there is a column of that name"),
        ({"name": "oil_p2"}, "there is a column of that name"),
        ({"name": "oil_low"}, "there is a column of that name"),  # of sets of grades
        ({"labels": {"oyly": {"en": "x"}}}, "unknown label 'oyly': did you mean 'oily'"),
        ({"labels": {"oily": "x"}}, "give a text by language"),
        ({"ruls": []}, "unknown key 'ruls'"),
        ({"otherwise": False}, "otherwise: YAML reads yes, no.* quote them"),
        ({"rules": [{"label": True, "when": {"oil": 1}}]}, "label: YAML reads yes, no.* quote them"),
        ({"otherwise": None}, "otherwise: give a text, not None"),
    ],
)
def test_what_cannot_be_followed_is_named(changes, message):
    with pytest.raises(UserError, match=message):
        schema(**changes)


def test_other_forms_are_named():
    for derived in ("x", [1], [{"name": "x"}]):
        with pytest.raises(UserError, match="derived"):
            Schema.from_dict({"attributes": ATTRIBUTES, "derived": derived})
