"""Parses the settings of a training run from config files and options."""

import argparse
import re
from collections.abc import Callable, Sequence
from dataclasses import fields, is_dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from multiskin.documents import NumberLoader, parse_yaml, read_document
from multiskin.errors import UserError
from multiskin.wording import plain_message

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser, Namespace

    from multiskin.config import FitConfig
    from multiskin.schema import Schema

CONFIG = (
    "a YAML file of the options below; without it, and without --schema, the options are those of the default model, "
    "which draws its photos, and not the defaults below"
)
EMBEDDED = Path(__file__).parents[1] / "embedded" / "config.yaml"
HEAD_OPTION = r"--heads\.[^.]+\.(loss_options\.)?[^.]+"  # --heads.oil.loss


def fit_config(name: str, description: str, arguments: list[str]) -> tuple["FitConfig", "Schema"]:
    """The settings of a training run, and the schema that they name."""
    return parse(name, description, arguments)[:2]


def parse(
    name: str, description: str, arguments: list[str], add_options: Callable[["ArgumentParser"], None] | None = None
) -> tuple["FitConfig", "Schema", "Namespace"]:
    """The settings of training, the schema that they name, and everything parsed, including a command's own options.

    A schema that a config file names is looked for next to that file first. Without a config and a schema, the embedded
    config is used, which draws its photos.
    """
    from multiskin.config import require_values, with_options
    from multiskin.schema import Schema

    if not any(is_given(option, arguments) for option in ("--config", "--schema", "--help", "-h")):
        arguments = ["--config", str(EMBEDDED), *arguments]
    arguments, of_heads = _without_head_options(arguments)
    parser = _fit_parser(name, description, add_options)
    for path in values_of("--config", arguments):
        _check_file(path)
    try:
        parsed = parser.parse_args(arguments)
    except argparse.ArgumentError as error:
        raise UserError(f"{plain_message(str(error))}; see '{name} --help'") from error
    config = with_options(_instantiate(parser, parsed), of_heads)
    require_values(config)
    for option in ("--data.root", "--data.manifest"):
        if is_given(option, arguments) and config.data.render is not None:
            raise UserError(
                f"{option}: this config draws its photos; for your own photos, name a config with --config; "
                "'multiskin data init TABLE' writes one"
            )
    return config, Schema.load(_schema_path(config.schema, parsed.config or [], arguments)), parsed


def _without_head_options(arguments: Sequence[str]) -> tuple[list[str], dict[str, Any]]:
    """Separates options of one head by their dotted names, since the parser would drop the others of that head.

    Raises:
        UserError: an option without a value, or one that is not YAML.
    """
    rest, of_heads, words = [], {}, iter(arguments)
    for word in words:
        option, equals, value = word.partition("=")
        if not re.fullmatch(HEAD_OPTION, option):
            rest.append(word)
            continue
        value = value if equals else next(words, "--")
        if value.startswith("--"):
            raise UserError(f"{option}: no value; give one")
        of_heads[option.removeprefix("--")] = parse_yaml(value, f"{option} {value!r}", NumberLoader)
    return rest, of_heads


def _check_file(path: str) -> None:
    """Checks a config file for what the parser lets through: equal keys, and sections that are no mappings.

    Raises:
        UserError: the first such mistake.
    """
    from multiskin.config import FitConfig

    content = read_document(path, "--config", "'multiskin data init TABLE' writes one")
    if not isinstance(content, dict):
        raise UserError(f"--config {path}: no options in it; give them one per line, such as 'out: runs/first'")
    _require_mappings(content, FitConfig, f"--config {path}: ")


def _require_mappings(content: dict[str, Any], section: Any, where: str) -> None:
    for option in fields(section):
        value = content.get(option.name, {})
        if not is_dataclass(option.type) or isinstance(value, str):  # a name is that of a file with the section
            continue
        if not isinstance(value, dict):
            found = "no options below it" if value is None else f"{value!r} is not a mapping"
            raise UserError(f"{where}{option.name}: {found}; give options, or leave it out")
        _require_mappings(value, option.type, f"{where}{option.name}.")


def is_given(option: str, arguments: Sequence[str]) -> bool:
    """Whether an option is given on the command line itself, not just in a config file."""
    return any(argument.partition("=")[0] == option for argument in arguments)


def out_folder(config: "FitConfig", command: str, arguments: Sequence[str]) -> Path:
    """The folder that --out names; by default, one next to the run folder, named after it and the command."""
    return Path(config.out if is_given("--out", arguments) else f"{Path(config.out)}-{command}")


def values_of(option: str, arguments: Sequence[str]) -> list[str]:
    """All values of an option on the command line, where it may be repeated."""
    separate = [value for argument, value in pairwise(arguments) if argument == option]
    return separate + [argument.partition("=")[2] for argument in arguments if argument.startswith(f"{option}=")]


def _schema_path(schema: str, files: Sequence[Any], arguments: list[str]) -> Path:
    if is_given("--schema", arguments):
        return Path(schema)
    beside = [Path(file.absolute).parent / schema for file in files]
    return next((path for path in reversed(beside) if path.is_file()), Path(schema))


@cache
def _fit_parser(
    name: str, description: str, add_options: Callable[["ArgumentParser"], None] | None
) -> "ArgumentParser":
    """Cached, since building it takes longer than using it, and a study parses the settings of each of its runs."""
    from jsonargparse import ArgumentParser, set_parsing_settings

    from multiskin.config import FitConfig

    set_parsing_settings(docstring_parse_attribute_docstrings=True)
    parser = ArgumentParser(prog=name, description=description, exit_on_error=False, allow_abbrev=False)
    parser.add_argument("--config", action="config", help=CONFIG)
    parser.add_class_arguments(FitConfig, as_group=False, skip={"offline"})
    parser.add_argument("--offline", type=bool, nargs="?", const=True, default=False, help="never access the network")
    if add_options is not None:
        add_options(parser)
    return parser


def _instantiate(parser: "ArgumentParser", parsed: "Namespace") -> "FitConfig":
    from multiskin.config import FitConfig

    values = parser.instantiate(parsed)
    return FitConfig(**{field.name: values[field.name] for field in fields(FitConfig)})
