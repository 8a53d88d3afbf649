"""The messages for options whose value is not one of the known names."""

import re
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from operator import attrgetter
from types import NoneType
from typing import Any, Literal, get_args, get_origin

import pytest
import yaml

from multiskin.cli.settings import fit_config
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


SWITCHES = [option for option, kind in options(FitConfig) if kind is bool]


@pytest.mark.parametrize("option", SWITCHES)
def test_a_switch_is_true_or_false(option, failure, tmp_path, write_settings) -> None:
    for value in ("true", "false"):
        config, _ = fit_config("multiskin fit", "", ["--config", str(write_settings(tmp_path)), f"--{option}={value}"])
        assert attrgetter(option)(config) is (value == "true")
    message = f"multiskin: error: {option}: give true or false, not 'maybe'; see 'multiskin fit --help'"
    assert failure("fit", f"--{option}=maybe") == message
    *sections, name = option.split(".")
    content = {name: "maybe"}
    for section in reversed(sections):
        content = {section: content}
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(content))
    assert failure("fit", "--config", tmp_path / "config.yaml") == message


def test_offline_needs_no_value() -> None:
    assert fit_config("multiskin fit", "", ["--offline", "--seed", "1"])[0].offline
    assert not fit_config("multiskin fit", "", ["--seed", "1"])[0].offline


HEADS = "heads: {lines: {resample: balanced, loss_options: {gamma: 1}}, shine: {share: 2}}\n"
BALANCED = {"resample": "balanced", "loss_options": {"gamma": 1}}


@pytest.mark.parametrize(
    ("arguments", "lines"),
    [
        (["--heads.lines.loss", "focal"], BALANCED | {"loss": "focal"}),
        (
            ["--heads.lines.share=1e-1", "--heads.lines.augment=[Resize]"],
            BALANCED | {"share": 0.1, "augment": ["Resize"]},
        ),
        (["--heads.lines.loss_options.alpha", "2"], BALANCED | {"loss_options": {"gamma": 1, "alpha": 2}}),
        (["--heads.lines={share: 3}", "--heads.lines.loss=focal"], {"share": 3, "loss": "focal"}),
        (["--heads.lines", "{share: 3}"], {"share": 3}),
    ],
)
def test_an_option_of_a_head_leaves_its_others_as_they_are(arguments, lines, tmp_path, write_settings) -> None:
    path = write_settings(tmp_path)
    path.write_text(path.read_text() + HEADS)
    config, _ = fit_config("multiskin fit", "", ["--config", str(path), *arguments])
    assert config.heads == {"lines": lines, "shine": {"share": 2}}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--heads.oil.loss"], "--heads.oil.loss: no value"),
        (["--heads.oil.loss", "--test", "false"], "--heads.oil.loss: no value"),
        (["--heads.oil.augment", "[Resize"], "--heads.oil.augment '[Resize': not readable as YAML"),
        (["--heads.oil.loss.gamma", "2"], "heads.oil: unknown option 'loss.gamma'"),
    ],
)
def test_an_option_of_a_head_that_has_no_meaning(arguments, message, failure) -> None:
    assert message in failure("fit", *arguments)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "no options in it; give them one per line"),
        ("- model", "no options in it; give them one per line"),
        ("model:", "model: no options below it; give options, or leave it out"),
        ("data: {split: [0.7, 0.2, 0.1]}", r"data.split: \[0.7, 0.2, 0.1\] is not a mapping; give options"),
    ],
)
def test_a_file_or_section_without_options_is_an_error_that_names_it(content, message, failure, tmp_path) -> None:
    (tmp_path / "config.yaml").write_text(content)
    assert re.search(rf"--config .*config.yaml: {message}", failure("fit", "--config", tmp_path / "config.yaml"))


def test_a_config_without_a_schema_is_an_error(failure, tmp_path) -> None:
    (tmp_path / "config.yaml").write_text("schema:\nseed: 0\n")
    message = failure("fit", "--config", tmp_path / "config.yaml")
    assert message == "multiskin: error: schema: no value; give one, or leave the option out"
