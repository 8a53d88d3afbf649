"""The amount that is shown in full colour."""

import numpy as np
import pytest

from multiskin.explain.scales import FULL_LOGITS, MAX_REFINEMENT, RULES, Scale, finds_nothing, natural_scale
from multiskin.schema import Attribute, Schema

SCHEMA = Schema((Attribute("shine", 5), Attribute("lines", 3), Attribute("kind", 7, kind="nominal")))


@pytest.mark.parametrize(
    ("explained", "name", "scale"),
    [
        ("score", "shine", Scale("grades", 2.0)),
        ("score", "lines", Scale("grades", 2.0)),  # the same colours for the same number of grades
        ("score", "kind", Scale("logits", FULL_LOGITS)),
        ("logit1", "shine", Scale("logits", FULL_LOGITS)),
        ("p2", "kind", Scale("probability", 0.5)),
        (">1", "shine", Scale("probability", 0.5)),
    ],
)
def test_the_natural_scale_is_half_of_the_range(explained: str, name: str, scale: Scale) -> None:
    assert natural_scale(explained, SCHEMA[name], SCHEMA) == scale


NATURAL = Scale("grades", 2.0)


@pytest.mark.parametrize("strongest", [0.0, 0.01, 3.0])
def test_the_shared_scale_ignores_the_maps(strongest: float) -> None:
    assert RULES["shared"](NATURAL, [np.full((2, 2), strongest)]) == NATURAL


@pytest.mark.parametrize(
    ("strongest", "full"), [(0.0, 2 / MAX_REFINEMENT), (0.01, 2 / MAX_REFINEMENT), (1.5, 1.5), (-3.0, 3.0)]
)
def test_a_heads_own_scale_is_its_strongest_value_with_a_lower_limit(strongest: float, full: float) -> None:
    maps = [np.full((2, 2), strongest), np.array([[0.001]])]
    assert RULES["each"](NATURAL, maps) == Scale("grades", pytest.approx(full))
    assert RULES["each"](NATURAL, []).full == 2 / MAX_REFINEMENT


@pytest.mark.parametrize(
    ("explained", "name", "grade", "nothing"),
    [
        ("score", "shine", 0, True),
        (">2", "shine", 0, True),
        ("score", "shine", 1, False),
        ("p0", "shine", 0, False),  # the map explains grade 0 itself
        ("score", "kind", 0, False),  # grade 0 is a class like any other
    ],
)
def test_grade_zero_is_no_evidence_for_more(explained: str, name: str, grade: int, nothing: bool) -> None:
    assert finds_nothing(explained, SCHEMA[name], grade) is nothing
