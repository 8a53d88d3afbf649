"""A study: several variants of one training factor, each trained with several seeds and compared with a baseline."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import date
from operator import attrgetter
from pathlib import Path
from typing import Any

from multiskin.compare.plan import Experiment, PlannedRun, check_seeds, with_seeds
from multiskin.config import FitConfig
from multiskin.data.photos import Photos
from multiskin.documents import read_document
from multiskin.errors import UserError, require_known, unknown

Options = Mapping[str, Any]  # by their dotted names, as on the command line
REQUIRED = ("title", "baseline", "rows")
FULL_KEYS = ("rows", "options", "seeds")
RESERVED_OPTIONS = ("seed", "schema", "out", "ckpt_path")  # set by the study itself
PHOTO_OPTIONS = (
    "data.root",
    "data.manifest",
    "data.render",
    "data.faces",
    "data.columns",
    "data.split",
    "data.on_bad_row",
    "data.exclude",
    "data.relabel",
    "test",
)


@dataclass(frozen=True)
class Study:
    """The content of a study file.

    Attributes:
        title: of its table.
        rows: the options of each variant.
        baseline: the variant that the others are compared with.
        config: the config file that all variants share, relative to the study file; "" for the embedded one.
        options: the options that override it in all variants.
        seeds: of the runs of each variant.
        full: the rows, options and seeds that replace those above with --full.
    """

    title: str
    rows: dict[str, Options]
    baseline: str
    config: str = ""
    options: Options = field(default_factory=dict)
    seeds: list[int] = field(default_factory=lambda: [0])
    full: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def load(cls, path: Path) -> "Study":
        """Reads a study.

        Raises:
            UserError: not a study file, missing or unknown keys, fewer than two rows, a baseline that is not among
                them, a value of the wrong type, no seed, or a seed given twice.
        """
        content = read_document(path, "study")
        if not isinstance(content, dict):
            raise UserError(f"study {path}: not a study; give a mapping with {', '.join(REQUIRED)}")
        content = _with_string_names(content)
        for key in REQUIRED:
            if key not in content:
                raise UserError(f"study {path}: no {key}; a study needs {', '.join(REQUIRED)}")
        require_known(content, [each.name for each in fields(Study)], f"study {path}")
        full = content.get("full", {})
        if not isinstance(full, dict):
            raise UserError(f"study {path}: full: {full!r}; give a mapping of rows, options or seeds")
        require_known(full, FULL_KEYS, f"study {path}: full")
        study = cls(**content)
        for variant in (study, study.in_full()) if study.full else (study,):
            _require_rows(variant, path)
            _require_types(variant, path)
        return study

    def in_full(self) -> "Study":
        """The study with the values that `full` overrides.

        Raises:
            UserError: `full` is empty.
        """
        if not self.full:
            raise UserError(f"--full: the study {self.title!r} has nothing under 'full'; run it without --full")
        return replace(self, **self.full)

    def arguments(self, row: str) -> list[str]:
        """A variant's options as command-line arguments; its own override those of the study."""
        options = {**self.options, **self.rows[row]}
        return [f"--{name}={as_text(value)}" for name, value in options.items()]


def as_text(value: Any) -> str:
    """An option's value as the command line takes it."""
    return str(value) if isinstance(value, str | date) else json.dumps(value, default=str)  # YAML has dates, JSON none


def _require_rows(study: Study, path: Path) -> None:
    rows = study.rows
    if not isinstance(rows, dict) or len(rows) < 2 or not all(isinstance(options, dict) for options in rows.values()):
        raise UserError(f"study {path}: rows: give at least two, each with its options: NAME: {{option: value}}")
    if study.baseline not in rows:
        raise unknown("row", study.baseline, rows, f"study {path}: baseline")


def _with_string_names(content: dict[str, Any]) -> dict[str, Any]:
    """The content with row names and baseline as strings (YAML reads 224 as a number) and without empty keys."""
    given = {key: value for key, value in content.items() if value is not None}
    if "baseline" in given:
        given["baseline"] = str(given["baseline"])
    if isinstance(given.get("rows"), dict):
        given["rows"] = {str(name): {} if options is None else options for name, options in given["rows"].items()}
    if isinstance(given.get("full"), dict):
        given["full"] = _with_string_names(given["full"])
    return given


def _require_types(study: Study, path: Path) -> None:
    seeds = study.seeds
    if not isinstance(seeds, list) or not all(type(seed) is int and seed >= 0 for seed in seeds):
        raise UserError(f"study {path}: seeds: {seeds!r}; give a list of whole numbers from 0 up")
    check_seeds(seeds, f"study {path}: seeds")
    if not isinstance(study.config, str):
        raise UserError(f"study {path}: config: {study.config!r}; give a file path relative to the study file")
    if not isinstance(study.options, dict):
        raise UserError(f"study {path}: options: {study.options!r}; give a mapping, or leave it out")
    for name in (*study.options, *(option for row in study.rows.values() for option in row)):
        if name in RESERVED_OPTIONS:
            raise UserError(f"study {path}: {name}: set by the study itself, so remove it; 'seeds' lists its seeds")


def require_same_photos(configs: Mapping[str, FitConfig]) -> None:
    """Makes sure that all variants share their photos, without which their differences would mean nothing.

    Raises:
        UserError: two variants differ in an option that selects or splits photos.
    """
    first, *others = configs
    for row in others:
        for option in PHOTO_OPTIONS:
            values = [attrgetter(option)(configs[each]) for each in (first, row)]
            if values[0] != values[1]:
                raise UserError(f"row {row}: {option} differs from that of {first}; all rows must share their photos")


def plan_study(configs: Mapping[str, FitConfig], photos: Photos, seeds: Sequence[int]) -> list[PlannedRun]:
    """The runs of a study: one network for all attributes for every variant and seed.

    Args:
        configs: the settings of each variant.
        photos: shared by all variants.
        seeds: likewise.

    Raises:
        UserError: seeds given twice, or two variants with the same settings.
    """
    check_seeds(seeds)
    rows = [Experiment(config, photos).shared(row) for row, config in configs.items()]
    names: dict[str, str] = {}
    for row in rows:
        other = names.setdefault(row.digest, row.model)
        if other != row.model:
            raise UserError(f"rows {other} and {row.model} have the same settings; remove one")
    return with_seeds(rows, seeds)
