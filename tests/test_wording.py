"""A value that an option cannot have is told in one sentence, with what to give, whatever the parser calls it."""

import pytest

from multiskin.cli.settings import fit_config
from multiskin.errors import UserError
from multiskin.wording import plain_message


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("recipe.share", "foo", "recipe.share: give a number, not 'foo'"),
        ("recipe.share", "", "recipe.share: give a number, not ''"),
        ("recipe.share", "null", "recipe.share: give a number, not null"),
        ("data.batch_size", "1.5", "data.batch_size: give a whole number, not '1.5'"),
        ("test", "maybe", "test: give true or false, not 'maybe'"),
        ("trainer.patience", "x", "trainer.patience: give a whole number or null, not 'x'"),
        ("recipe.loss_options", "3", "recipe.loss_options: give a mapping, not '3'"),
        ("recipe.augment", "5", "recipe.augment: give a list, not '5'"),
        ("heads", "{oil: 5}", "heads: give a mapping, not '5'"),
        ("data.render", "5", "data.render: give a mapping or null, not '5'"),
        ("data.render", "{persons: 5}", "data.render.persons: give a list, not '5'"),
        ("data.render", "{size: big}", "data.render.size: give a whole number, not 'big'"),
        ("data.render", "{foo: 1}", "data.render: there is no data.render.foo"),
        ("data.columns", "x", "data.columns: give a mapping, not 'x'"),
        ("data.columns.box", "[1,2]", "data.columns.box: give a list of texts or null, not '[1, 2]'"),
        ("data.split.ratios", "[0.5,a]", "data.split.ratios: give a number, not 'a'"),
        ("recipe.credit", "3", "recipe.credit: give a list of lists of numbers or null, not '3'"),
        ("recipe.credit", "[[1,x]]", "recipe.credit: give a list of lists of numbers or null, not '[[1.0, 'x']]'"),
        ("recipe.decision", "mode", "recipe.decision is 'mode'; choose argmax, median, expectation or credit"),
        ("recipe.decision", "", "recipe.decision is ''; choose argmax, median, expectation or credit"),
        (
            "recipe.calibration",
            "no value:b",
            "recipe.calibration is 'no value:b'; choose temperature, bias_corrected, vector or cumulative, or null: "
            "probabilities stay as trained",
        ),
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
        fit_config("multiskin fit", "", [f"--{option}={value}"])
    assert str(raised.value) == f"{said}; see 'multiskin fit --help'"


def test_what_is_not_understood_stays_as_it_is_on_one_line():
    assert plain_message("something\n  else: <class 'int'>") == "something else: <class 'int'>"
    odd = "Parser key \"a.b\": Expected a <class 'Fraction'>. Got value: 1"
    assert plain_message(odd) == odd
