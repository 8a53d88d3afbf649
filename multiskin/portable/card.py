"""The metadata of a model file: everything besides the weights that turns a photo into grades, as JSON.

Files may come from untrusted sources, so the metadata is validated before it is used.
"""

import json
import math
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from multiskin import __version__
from multiskin.conformal.prediction import GRADE, ConformalSets
from multiskin.conformal.quantile import require_coverage
from multiskin.data.preprocessing import Preprocessing
from multiskin.errors import UserError
from multiskin.portable.decisions import Rule
from multiskin.schema import Schema

FORMAT = 1  # version of the metadata format; increased by changes that earlier versions would misread
PREFIX = "multiskin."
DISCLAIMER = "No medical device. Grades are estimates from a photograph, for research and cosmetic use; no diagnosis."


@dataclass(frozen=True)
class Card:
    """How a photo becomes a network's input, and what the network's outputs mean.

    Attributes:
        schema: the attributes.
        preprocessing: how a photo becomes pixels; normalising them is part of the network.
        rules: how each attribute's probabilities become a grade, by name.
        conformal: the conformal sets of grades; None if the model has none.
    """

    schema: Schema
    preprocessing: Preprocessing
    rules: Mapping[str, Rule]
    conformal: ConformalSets | None = None

    def to_metadata(self) -> dict[str, str]:
        """The card as strings by key, for the metadata of an ONNX file."""
        content = {
            "format": FORMAT,
            "version": __version__,
            "disclaimer": DISCLAIMER,
            "schema": self.schema.to_dict(),
            "preprocessing": self.preprocessing.to_dict(),
            "decisions": {name: rule.to_dict() for name, rule in self.rules.items()},
            "conformal": None if self.conformal is None else finite(self.conformal).to_dict(),
        }
        return {PREFIX + key: json.dumps(value, ensure_ascii=False, allow_nan=False) for key, value in content.items()}

    @classmethod
    def from_metadata(cls, metadata: Mapping[str, str], where: str) -> "Card":
        """Validates and reads what to_metadata returns.

        Args:
            metadata: the file's metadata; entries without our prefix are ignored.
            where: the file, for error messages.

        Raises:
            UserError: not written by multiskin, written in another format version, or damaged.
        """
        if PREFIX + "format" not in metadata:
            raise UserError(f"{where}: not a model of multiskin; give a file that 'multiskin export' wrote")
        try:
            content = {
                key.removeprefix(PREFIX): json.loads(text) for key, text in metadata.items() if key.startswith(PREFIX)
            }
            _require_format(content)
            return cls._from_dict(content)
        except UserError as error:
            raise UserError(f"{where}: {error}") from error
        except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
            reason = f"{type(error).__name__}: {error}".splitlines()[0]
            raise UserError(f"{where}: its metadata is damaged ({reason}); export the run again") from error

    @classmethod
    def _from_dict(cls, content: Mapping[str, Any]) -> "Card":
        schema = Schema.from_dict(content["schema"])
        rules = {each.name: Rule.from_dict(content["decisions"][each.name], each) for each in schema}
        promised = content["conformal"]
        conformal = None if promised is None else checked_sets(promised, schema)
        return cls(schema, Preprocessing.from_dict(content["preprocessing"]), rules, conformal)


def _require_format(content: Mapping[str, Any]) -> None:
    if content["format"] != FORMAT:
        raise UserError(
            f"written by multiskin {content['version']} in a format that {__version__} cannot read; export the run "
            "again, or use that version"
        )


def checked_sets(content: Mapping[str, Any], schema: Schema) -> ConformalSets:
    """Validates and reads what ConformalSets.to_dict returns.

    Raises:
        UserError: the coverage is not a share.
        KeyError, TypeError, ValueError: the content is malformed.
    """
    sets = ConformalSets.from_dict(content, schema)
    require_coverage(sets.coverage)
    for attribute in schema:
        limits = sets.thresholds[attribute.name]
        needed = map(str, range(attribute.grades)) if sets.by == GRADE else ()
        scores = [limit.score for limit in limits.values()]
        if not all(cell in limits for cell in needed) or any(map(math.isnan, scores)):
            raise ValueError(f"{attribute.name}: a threshold of its sets of grades is missing or NaN")
    return sets


def finite(sets: ConformalSets) -> ConformalSets:
    """The same sets with infinite thresholds made finite for JSON; this changes nothing, since no score exceeds 1."""
    heads = {
        name: {cell: replace(limit, score=min(limit.score, sys.float_info.max)) for cell, limit in limits.items()}
        for name, limits in sets.thresholds.items()
    }
    return replace(sets, thresholds=heads)
