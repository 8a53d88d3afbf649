"""Which decisions there are, and which fit which attribute."""

import pytest

from multiskin import decisions
from multiskin.errors import UserError
from multiskin.portable import decisions as in_numpy
from multiskin.rules import NAMES, require_decision
from multiskin.schema import Attribute

KIND = Attribute("kind", 3, kind="nominal")


def test_what_is_named_can_be_computed_in_torch_and_in_numpy() -> None:
    assert set(NAMES) == set(decisions.DECISIONS) == set(in_numpy.DECISIONS)


def test_what_needs_an_order_is_refused_where_there_is_none() -> None:
    for name in ("median", "expectation", "credit"):
        require_decision(name, Attribute("shine", 3))
        with pytest.raises(UserError, match=f"decision '{name}': needs ordered grades, and those of kind are nominal"):
            require_decision(name, KIND)
    require_decision("argmax", KIND)
    with pytest.raises(UserError, match="did you mean 'median'"):
        require_decision("medain", KIND)
