"""What is missing from a comparison or a study, and why."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from multiskin.compare.words import plural


def with_relative_paths(reasons: Mapping[str, str], root: Path) -> dict[str, str]:
    """Makes paths below root relative to it, since its full path may contain the name of a person."""
    places = "|".join(re.escape(str(place)) for place in (root.resolve(), root))
    return {title: re.sub(rf"(?<![\w./-])(?:{places})/", "", reason) for title, reason in reasons.items()}


def no_cost_text(reason: str) -> str:
    """Says that costs are not measured, and why if that is known."""
    return f"What both sides cost is not measured yet{f': {reason}' if reason else '; the same command measures it'}."


def left_out_text(titles: Sequence[str]) -> str:
    """Says which attributes are not compared, and why; "" if all are."""
    if not titles:
        return ""
    left = "Left out of the comparison, the mean and the single models' costs, since no single model has finished"
    return f"{left}: {', '.join(titles)} (which the shared model was trained on as well)."


def missing_markdown(missing: Mapping[str, str]) -> str:
    """A list of the missing runs; "" if there are none."""
    if not missing:
        return ""
    number = len(missing)
    heading = f"{number} {plural(number, 'run')} did not finish; results that depend on missing runs are left out:"
    return "\n\n" + "\n".join([f"{heading}\n", *(f"- {title}: {reason}" for title, reason in missing.items())])
