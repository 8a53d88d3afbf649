"""A value that an option cannot have is told in one sentence, with what to give, whatever the parser calls it."""

import pytest

from multiskin.cli.settings import fit_config
from multiskin.errors import UserError
from multiskin.wording import worded


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("recipe.share", "foo", "recipe.share is 'foo'; give a number"),
        ("data.batch_size", "1.5", "data.batch_size is '1.5'; give a whole number"),
        ("test", "maybe", "test is 'maybe'; give true or false"),
        ("trainer.patience", "x", "trainer.patience is 'x'; give a whole number or null"),
        ("recipe.loss_options", "3", "recipe.loss_options is '3'; give a mapping"),
        ("recipe.augment", "5", "recipe.augment is '5'; give a list"),
        ("data.render", "{persons: 5}", "data.render.persons is '5'; give a list"),
        ("data.render", "{size: big}", "data.render.size is 'big'; give a whole number"),
        ("data.split.ratios", "[a]", "data.split.ratios is 'a'; give a number"),
        ("recipe.credit", "3", "recipe.credit is '3'; give a list or null"),
        ("recipe.credit", "[[a]]", "recipe.credit is '[['a']]'; give a list or null"),
        ("recipe.decision", "mode", "recipe.decision is 'mode'; choose argmax, median, expectation or credit"),
        (
            "recipe.calibration",
            "foo",
            "recipe.calibration is 'foo'; choose temperature, bias_corrected, vector or cumulative, or null: "
            "probabilities stay as trained",
        ),
    ],
)
def test_a_value_of_another_kind_is_told_with_what_to_give(option, value, said):
    with pytest.raises(UserError) as raised:
        fit_config("multiskin fit", "", [f"--{option}", value])
    assert str(raised.value) == f"{said}; see 'multiskin fit --help'"


def test_what_is_not_understood_stays_as_it_is_on_one_line():
    assert worded("something\n  else: <class 'int'>") == "something else: <class 'int'>"
    odd = "Parser key \"a.b\": Expected a <class 'Fraction'>. Got value: 1"
    assert worded(odd) == odd
