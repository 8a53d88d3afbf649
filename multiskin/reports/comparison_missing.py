"""The runs that a comparison or a study lacks, and why."""

from collections.abc import Mapping
from pathlib import Path

from multiskin.compare.words import plural


def from_here(reasons: Mapping[str, str], root: Path) -> dict[str, str]:
    """Names files as they are found from their reports, for where the folder stands may name people."""
    return {title: reason.replace(f"{root}/", "") for title, reason in reasons.items()}


def missing_markdown(missing: Mapping[str, str]) -> str:
    """A list of what is missing, or nothing."""
    if not missing:
        return ""
    number = len(missing)
    heading = f"Left out are the seeds of {number} {plural(number, 'run')} that did not finish:"
    return "\n\n" + "\n".join([f"{heading}\n", *(f"- {title}: {reason}" for title, reason in missing.items())])
