"""The error for a mistyped name gives the place, the nearest name, and the choice."""

import pytest

from multiskin.errors import MOST_LISTED, unknown


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ("loss", "focall", ["focal", "cross_entropy"], "heads.x"),
            "heads.x: unknown loss 'focall': did you mean 'focal'? choose one of focal, cross_entropy",
        ),
        (("loss", "zzz", ["focal", "cross_entropy"]), "unknown loss 'zzz': choose one of focal, cross_entropy"),
        (("grade", 7, [1, 2]), "unknown grade 7: choose one of 1, 2"),
        (("side", None, ("train",)), "unknown side None: choose one of train"),
        (("file", "a", {}), "unknown file 'a': choose one of (none)"),
        (("key", "b", dict.fromkeys("bcd")), "unknown key 'b': did you mean 'b'? choose one of b, c, d"),
    ],
)
def test_a_name_that_is_not_known(arguments, message):
    assert str(unknown(*arguments)) == message


def many(number):
    return [f"model_{i:03}" for i in range(number)]


def test_a_choice_is_listed_whole_while_it_can_be_read():
    names = many(MOST_LISTED)
    assert str(unknown("model", "model_007x", names)).endswith(f"choose one of {', '.join(names)}")


@pytest.mark.parametrize("number", [MOST_LISTED + 1, 1000])
def test_of_a_longer_one_the_nearest_are(number):
    names = many(number)
    message = str(unknown("model", names[-1] + "x", names, "there"))
    assert message.startswith(f"there: unknown model '{names[-1]}x'; of {number} known the nearest are ")
    assert names[-1] in message
    assert len(message) < 300
    assert str(unknown("model", "zzz", names)) == f"unknown model 'zzz'; of {number} known none is like it"
