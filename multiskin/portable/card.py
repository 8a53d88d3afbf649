"""What a model's file says about the model besides its weights: all that turns a photo into grades, as JSON.

Such a file may come from anybody: what it says is checked before it is used.
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

FORMAT = 1  # of what is written here; raised by a change that earlier versions would misread
PREFIX = "multiskin."
DISCLAIMER = "No medical device. Grades are estimates from a photograph, for research and cosmetic use; no diagnosis."


@dataclass(frozen=True)
class Card:
    """What a network's outputs mean, and how a photo becomes its input.

    Attributes:
        schema: the attributes.
        preprocessing: how a photo becomes pixels; normalising them is the network's own first step.
        rules: how each attribute's probabilities become a grade, by its name.
        conformal: gives each grade a set around it, if anything does.
    """

    schema: Schema
    preprocessing: Preprocessing
    rules: Mapping[str, Rule]
    conformal: ConformalSets | None = None

    def to_metadata(self) -> dict[str, str]:
        """Texts by key, for a file's own metadata."""
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
        """Reads what to_metadata gives, of whatever origin.

        Args:
            metadata: the file's metadata; may hold other things, too.
            where: the file.

        Raises:
            UserError: not multiskin's, of a later version, or damaged.
        """
        if PREFIX + "format" not in metadata:
            raise UserError(f"{where}: not one of multiskin's; give a file that 'multiskin export' wrote")
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
            raise UserError(f"{where}: its description is damaged ({reason}); export the run again") from error

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
            f"written by multiskin {content['version']} in a form that {__version__} does not read; export the run "
            "again, or use that version"
        )


def checked_sets(content: Mapping[str, Any], schema: Schema) -> ConformalSets:
    """Sets of grades from what their to_dict gives, of whatever origin.

    Raises:
        UserError: a coverage that is not a share.
        KeyError, TypeError, ValueError: another form.
    """
    sets = ConformalSets.from_dict(content, schema)
    require_coverage(sets.coverage)
    for attribute in schema:
        limits = sets.thresholds[attribute.name]
        needed = map(str, range(attribute.grades)) if sets.by == GRADE else ()
        scores = [limit.score for limit in limits.values()]
        if not all(cell in limits for cell in needed) or any(map(math.isnan, scores)):
            raise ValueError(f"{attribute.name}: its sets of grades have no threshold where one is needed")
    return sets


def finite(sets: ConformalSets) -> ConformalSets:
    """The same sets without infinite thresholds, which JSON does not have; no score is above 1."""
    heads = {
        name: {cell: replace(limit, score=min(limit.score, sys.float_info.max)) for cell, limit in limits.items()}
        for name, limits in sets.thresholds.items()
    }
    return replace(sets, thresholds=heads)
