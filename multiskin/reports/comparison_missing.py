"""What a comparison or a study lacks, and why."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from multiskin.compare.words import plural


def from_here(reasons: Mapping[str, str], root: Path) -> dict[str, str]:
    """Names files as they are found from their reports, for where the folder stands may name people."""
    places = "|".join(re.escape(str(place)) for place in (root.resolve(), root))
    return {title: re.sub(rf"(?<![\w./-])(?:{places})/", "", reason) for title, reason in reasons.items()}


def told_no_cost(reason: str) -> str:
    """That costs are not measured, and why if that is known."""
    return f"What both sides cost is not measured yet{f': {reason}' if reason else '; the same command measures it'}."


def told_left_out(titles: Sequence[str]) -> str:
    """Which attributes are not compared, and why; "" if all are."""
    if not titles:
        return ""
    left = "Left out of the comparison, the mean and the single models' costs, for no single model has finished"
    return f"{left}: {', '.join(titles)} (which the shared model has learned, too)."


def missing_markdown(missing: Mapping[str, str]) -> str:
    """A list of what is missing, or nothing."""
    if not missing:
        return ""
    number = len(missing)
    heading = f"{number} {plural(number, 'run')} did not finish, and what lacks one is left out:"
    return "\n\n" + "\n".join([f"{heading}\n", *(f"- {title}: {reason}" for title, reason in missing.items())])
