"""The messages for options whose value is not one of the known names."""

from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from types import NoneType
from typing import Any, Literal, get_args, get_origin

import pytest
import yaml

from multiskin.config import FitConfig
from multiskin.wording import NULL


def options(config: Any, where: str = "") -> Iterator[tuple[str, Any]]:
    """Every option with its type, by its full name."""
    for option in fields(config):
        if is_dataclass(option.type):
            yield from options(option.type, f"{where}{option.name}.")
        else:
            yield where + option.name, option.type


NAMES = {  # the literal type of each option that takes one of several names
    option: names
    for option, kind in options(FitConfig)
    for names in (kind, *get_args(kind))
    if get_origin(names) is Literal and get_origin(kind) is not list
}
OR_NULL = [option for option, kind in options(FitConfig) if option in NAMES and NoneType in get_args(kind)]


def test_every_option_that_takes_a_name_or_null_says_what_null_means() -> None:
    assert {"weighting", "data.cache", "trainer.compile"} <= set(OR_NULL)
    assert list(NULL) == OR_NULL


@pytest.mark.parametrize("option", NAMES)
def test_the_message_for_an_unknown_name_lists_the_known_ones(option, failure) -> None:
    *first, last = get_args(NAMES[option])
    known = f"{', '.join(first)} or {last}" if first else last
    null = f", or null: {NULL[option]}" if option in OR_NULL else ""
    message = f"multiskin: error: {option} is 'other'; choose {known}{null}; see 'multiskin fit --help'"
    assert failure("fit", f"--{option}", "other") == message


@pytest.mark.parametrize("name", ["equal", "fixed"])
def test_the_message_says_what_no_weighting_means(name, failure) -> None:
    known = "choose uncertainty or random, or null: heads count equally, apart from their loss_weight"
    assert f"weighting is '{name}'; {known}" in failure("fit", "--weighting", name)


@pytest.mark.parametrize("content", [{"data": {"cache": "other"}}, {"weighting": "equal"}, {"trainer": {"compile": 1}}])
def test_a_file_gets_the_same_message(content, failure, tmp_path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(yaml.safe_dump(content))
    assert "Union" not in failure("fit", "--config", path)
    assert "Union" not in failure("fit", *(f"--{group}={yaml.safe_dump(value)}" for group, value in content.items()))
