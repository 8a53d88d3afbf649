"""The search space of a sweep: training options by their dotted names, each with a range or choices."""

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from types import UnionType
from typing import Any, get_args, get_origin

from multiskin.config import FitConfig, Recipe
from multiskin.documents import NumberLoader, read_document
from multiskin.errors import UserError, require_known, unknown
from multiskin.training.checkpoints import CHANGEABLE

# Trials must share these, or their results could not be compared.
SHARED = ("schema", "seed", "trainer.monitor", "data.columns", "data.split", "data.render", "data.faces")
Scalar = None | bool | int | float | str


@dataclass(frozen=True)
class Range:
    """The numbers from low to high, both included, uniform on a linear or a logarithmic scale."""

    low: float
    high: float
    log: bool
    whole: bool

    @property
    def bounds(self) -> tuple[float, ...]:
        """The extreme values, between which all others lie."""
        return self.low, self.high

    def value(self, label: Any) -> Any:
        return label

    def to_wandb(self) -> dict[str, Any]:
        kind = ("q_log_uniform_values" if self.log else "int_uniform") if self.whole else ""
        kind = kind or ("log_uniform_values" if self.log else "uniform")
        step = {"q": 1} if self.log and self.whole else {}
        return {"distribution": kind, "min": self.low, "max": self.high} | step


@dataclass(frozen=True)
class Choices:
    """A few values of any kind, without an order."""

    values: tuple[Any, ...]

    @property
    def bounds(self) -> tuple[Any, ...]:
        return self.values

    @property
    def labels(self) -> list[Scalar]:
        """One for each value: the value itself, or its JSON if it is a list or a mapping, which Optuna cannot store."""
        return [value if isinstance(value, Scalar) else json.dumps(value, ensure_ascii=False) for value in self.values]

    def value(self, label: Any) -> Any:
        """The value that a label stands for."""
        return self.values[self.labels.index(label)]

    def to_wandb(self) -> dict[str, Any]:
        """None becomes the string "null", since W&B's agent would pass None to the command line as "None"."""
        return {"values": ["null" if value is None else value for value in self.values]}


Space = Mapping[str, Range | Choices]


def load_space(path: Path, monitor: str, names: Sequence[str]) -> Space:
    """The options that a YAML file lists, as in `optimizer.lr: {low: 1e-4, high: 1e-2, log: true}`.

    Args:
        path: the file; an option has low and high, and log: true for a logarithmic scale, or a list of choices.
        monitor: the metric that trials are compared by.
        names: the attributes' names; their recipes are options too, as heads.NAME.OPTION.

    Raises:
        UserError: no such file, an unknown option, or a range or choices that cannot be searched.
    """
    where = f"--space {path}"
    content = read_document(path, "--space", "name a YAML file of options and what to try for them", NumberLoader)
    if not isinstance(content, dict) or not content:
        raise UserError(f"{where}: no option to search; list some, such as 'optimizer.lr: {{low: 0.0001, high: 0.01}}'")
    kinds = dict(_options(FitConfig))
    for name in names:
        kinds |= dict(_options(Recipe, f"heads.{name}."))
    return {
        str(option): _dimension(entry, _kind(str(option), kinds, monitor, where), f"{where}: {option}")
        for option, entry in content.items()
    }


def _options(settings: type, above: str = "") -> Iterator[tuple[str, Any]]:
    """Every option by its dotted name, with its annotation."""
    for option in fields(settings):
        if isinstance(option.type, type) and is_dataclass(option.type):
            yield from _options(option.type, f"{above}{option.name}.")
        elif option.name != "heads":  # its options are those of a recipe, listed by load_space
            yield f"{above}{option.name}", option.type


def _kind(option: str, kinds: Mapping[str, Any], monitor: str, where: str) -> Any:
    """The annotation of an option that can be searched."""
    above = kinds.get(option.rpartition(".")[0])
    if option not in kinds and get_origin(above) is not dict:
        raise unknown("option", option, kinds, where)
    if any(option == name or option.startswith(f"{name}.") for name in (*CHANGEABLE, *SHARED)):
        raise UserError(
            f"{where}: {option} must be the same for all trials, or does not affect results; set it in the config"
        )
    if monitor == "val/loss" and re.match(r"(recipe|heads\.[^.]+)\.loss", option):
        raise UserError(
            f"{where}: {option} changes what val/loss measures, so trials could not be compared; "
            "set trainer.monitor to val/mean/rps_balanced or another metric"
        )
    return kinds.get(option) or get_args(above)[1]


def _dimension(entry: Any, kind: Any, where: str) -> Range | Choices:
    if not isinstance(entry, dict):
        raise UserError(f"{where} is {entry!r}; give {{low: ..., high: ...}} or {{choices: [...]}}")
    require_known(entry, ("low", "high", "log", "choices"), where)
    if "choices" not in entry:
        return _range(entry, get_args(kind) if isinstance(kind, UnionType) else (kind,), where)
    if len(entry) > 1 or not isinstance(entry["choices"], list) or not entry["choices"]:
        raise UserError(f"{where}: give a list of choices with at least one value, and no range besides")
    return Choices(tuple(entry["choices"]))


def _range(entry: Mapping[str, Any], kinds: Sequence[Any], where: str) -> Range:
    if int not in kinds and float not in kinds:
        raise UserError(f"{where}: not a number, and only numbers have a range; give {{choices: [...]}}")
    whole, log = float not in kinds, entry.get("log", False)
    low, high = (_number(entry.get(key), whole, f"{where}: {key}") for key in ("low", "high"))
    if low >= high:
        raise UserError(f"{where}: low is {low} and high is {high}; low must be less than high")
    if not isinstance(log, bool):
        raise UserError(f"{where}: log is {log!r}; give true or false")
    if log and low <= 0:
        raise UserError(f"{where}: low is {low}, which has no logarithm; give one above 0, or leave log out")
    return Range(low, high, log, whole)


def _number(value: Any, whole: bool, where: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int if whole else int | float) or not math.isfinite(value):
        raise UserError(f"{where} is {value!r}; give a {'whole number' if whole else 'number'}")
    return value


def wandb_sweep(space: Space, monitor: str, mode: str, project: str, trials: int, command: str) -> dict[str, Any]:
    """The same search as the content of a W&B sweep file.

    Args:
        space: the options.
        monitor: the metric that trials are compared by.
        mode: min or max.
        project: the W&B project.
        trials: the number of runs of all agents together.
        command: a shell command that trains one run; it has the run's options in "$@" and its id in $WANDB_RUN_ID.
    """
    return {
        "program": "multiskin",
        "project": project,
        "method": "bayes",
        "metric": {"name": monitor, "goal": "minimize" if mode == "min" else "maximize"},
        "run_cap": trials,
        "parameters": {option: dimension.to_wandb() for option, dimension in space.items()},
        "command": ["sh", "-c", command, "fit", "${args}"],
    }
