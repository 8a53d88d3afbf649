"""Writes a proposal as schema.yaml and config.yaml, with a comment on each line for the person who edits them."""

import math
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import yaml

from multiskin.config import FitConfig
from multiskin.data.proposal import Proposal
from multiskin.errors import UserError
from multiskin.rules import CREDIT
from multiskin.schema import Attribute, Kind, Schema

KINDS: dict[Kind, str] = {
    "ordinal": "grades in order",
    "nominal": "classes; if they have an order, change this to ordinal and sort grade_names, lowest first",
}


def write(proposal: Proposal, out_dir: str | Path, overwrite: bool = False) -> list[Path]:
    """Writes schema.yaml and config.yaml and returns their paths.

    Raises:
        UserError: one of them exists already, or the folder cannot be written to.
    """
    folder = Path(out_dir)
    texts = {folder / "schema.yaml": schema_text(proposal.schema), folder / "config.yaml": config_text(proposal)}
    try:
        present = [path for path in texts if path.exists()]
        if present and not overwrite:
            raise UserError(f"{present[0]} exists already; choose another folder, or allow overwriting")
        folder.mkdir(parents=True, exist_ok=True)
        for path, text in texts.items():
            path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UserError(f"{folder}: {error.strerror}; choose a writable folder") from error
    return list(texts)


def schema_text(schema: Schema) -> str:
    """The schema as YAML for Schema.load, with empty fields for the meaning of the lowest and highest grades."""
    lines = [
        "# What is graded. You may change names and words; columns and the number of grades have to match the table.",
        "# Fill in what the lowest and the highest grade mean: the model keeps these words, to show them with results.",
        "# To leave an attribute out, remove it here and add its column to data.columns.ignore in the config.",
        "attributes:",
    ]
    for attribute in schema:
        first, *others = _attribute_lines(attribute)
        lines += [f"  - {first}", *(f"    {line}" for line in others)]
    return _joined(lines)


def _attribute_lines(attribute: Attribute) -> Iterator[str]:
    yield _line("name", attribute.name)
    if attribute.column:
        yield _line("column", attribute.column, "the table's heading")
    yield _line("kind", attribute.kind, KINDS[attribute.kind])
    yield _line("grades", attribute.grades, f"0 to {attribute.grades - 1}")
    if attribute.grade_names:
        meaning = "what the table has for grades 0, 1, ..." if attribute.ordinal else "as in the table"
        yield _line("grade_names", list(attribute.grade_names), meaning)
    yield _line("display", attribute.display)
    if attribute.ordinal:
        yield _line("lowest", {"en": "", "ko": ""}, "what grade 0 means")
        yield _line("highest", {"en": "", "ko": ""}, f"what grade {attribute.grades - 1} means")


def config_text(proposal: Proposal) -> str:
    """The config as YAML: what follows from the table, and the settings that a beginner may want to change."""
    default = FitConfig()
    return _joined(
        [
            "# A training run, for multiskin fit --config. Settings not listed here have their defaults.",
            _line("schema", "schema.yaml", "what is graded; the file next to this one"),
            _line("out", default.out, "the run folder"),
            "data:",
            *_indented(_data_lines(proposal)),
            "model:",
            *_indented(
                [
                    _line("backbone", default.model.backbone, "any timm backbone"),
                    _line("input_size", default.model.input_size, "pixels; larger shows finer detail and takes longer"),
                ]
            ),
            *_recipe_lines(proposal.schema),
            *_trainer_lines(proposal.schema),
        ]
    )


def _data_lines(proposal: Proposal) -> Iterator[str]:
    data, columns = proposal.data, proposal.data.columns
    missing = "" if proposal.photos_found else "; NO PHOTO WAS FOUND FROM HERE: correct it"
    yield _line("root", data.root, f"the folder that the table's paths are relative to{missing}")
    yield _line("manifest", data.manifest, "the table, relative to root")
    yield "columns:"
    yield from _indented(
        [
            _line("image", columns.image, "path of the photo, relative to root"),
            *([_line("box", columns.box, "corners of the part that a row is about, pixels")] if columns.box else []),
            _line("split", columns.split, "train, val, test or calibrate; null: photos are split at random"),
            _line("subject", columns.subject, "whose photo it is; a subject's photos stay on one side of the split"),
            _line("part", columns.part, "which part of the face or body"),
            _line("groups", columns.groups, "kept in the tables of predictions"),
        ]
    )
    if columns.ignore:
        yield "  ignore:"
        yield from (f"    - {_flow(heading)}  # {proposal.ignored[heading]}" for heading in columns.ignore)
    if columns.split is None:
        yield "split:"
        yield from _indented(
            [
                _line("ratios", data.split.ratios, "train, val, test and, optionally, calibrate"),
                _line("seed", data.split.seed, "another number makes another split"),
            ]
        )


def _recipe_lines(schema: Schema) -> list[str]:
    """The decision for ordered grades, which matters more than any loss."""
    if not any(attribute.ordinal for attribute in schema):
        return []
    how = "the grade with the highest expected P-Recall; argmax: the likeliest one"
    return ["recipe:", f"  {_line('decision', CREDIT, how)}"]


def _trainer_lines(schema: Schema) -> list[str]:
    """A number to monitor where all attributes are nominal, since the default needs ordered grades."""
    if any(attribute.ordinal for attribute in schema):
        return []
    return ["trainer:", "  monitor: val/mean/balanced_accuracy  # what decides on the best checkpoint"]


def _line(key: str, value: Any, comment: str = "") -> str:
    return f"{key}: {_flow(value)}" + (f"  # {comment}" if comment else "")


def _indented(lines: Iterable[str]) -> list[str]:
    return [f"  {line}" for line in lines]


def _joined(lines: Iterable[str]) -> str:
    return "\n".join(lines) + "\n"


class _Dumper(yaml.SafeDumper):
    """Writes each text on one line, escaping its line breaks."""

    def represent_text(self, text: str) -> yaml.Node:
        return self.represent_scalar("tag:yaml.org,2002:str", text, style=None if text.splitlines() == [text] else '"')


_Dumper.add_representer(str, _Dumper.represent_text)


def _flow(value: Any) -> str:
    """A value as YAML on one line; dumped in a list, since a bare scalar would be followed by a document end mark."""
    flow = yaml.dump(
        [value], None, _Dumper, default_flow_style=True, allow_unicode=True, sort_keys=False, width=math.inf
    )
    return flow.strip()[1:-1]
