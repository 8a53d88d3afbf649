"""The error for an unknown name gives the place, the closest name, and the choices."""

import pytest

from multiskin.errors import MAX_LISTED, unknown


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
def test_an_unknown_name(arguments, message):
    assert str(unknown(*arguments)) == message


def many(number):
    return [f"model_{i:03}" for i in range(number)]


def test_a_short_list_of_choices_is_complete():
    names = many(MAX_LISTED)
    assert str(unknown("model", "model_007x", names)).endswith(f"choose one of {', '.join(names)}")


@pytest.mark.parametrize("number", [MAX_LISTED + 1, 1000])
def test_of_a_longer_list_only_the_closest_names_are_given(number):
    names = many(number)
    message = str(unknown("model", names[-1] + "x", names, "there"))
    assert message.startswith(f"there: unknown model '{names[-1]}x'; of {number} known names, the closest are ")
    assert names[-1] in message
    assert len(message) < 300
    assert str(unknown("model", "zzz", names)) == f"unknown model 'zzz'; of {number} known names, none is similar"
