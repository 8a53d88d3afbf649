"""The table of the expected throughput of larger machines."""

from typing import Any

from tables.cells import markdown

MILLION = 1e6


def throughput(source: dict[str, Any]) -> list[str]:
    """One row per machine, with the source of its numbers."""
    lines = [_line(row, "measured") for row in source["measured"]]
    lines += [_line(row, f"[published]({row['source']})") for row in source["published"]]
    lines += [_line(row, f"computed, {row['share']:.1%} of linear scaling") for row in source["computed"]]
    headings = [
        *("machine", "training, photos per second", "cores to read them each time", "with `data.cache`"),
        *("scoring, photos per second", "time for a million photos", "source"),
    ]
    caption = f"efficientnet_b0, 224 pixels; photos on disk: {source['photos']}. Cores and times are computed."
    return [*markdown(headings, lines), "", f"{caption} `{source['command']}`."]


def _line(row: dict[str, Any], known: str) -> list[str]:
    rates = (_number(row.get(key)) for key in ("trains", "cores, each time", "cores, kept", "scores"))
    scores = row.get("scores")
    return [row["machine"], *rates, "" if scores is None else _duration(MILLION / scores), known]


def _number(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:,.0f}" if value >= 20 else f"{value:.1f}"


def _duration(seconds: float) -> str:
    return f"{seconds / 3600:.1f} hours" if seconds > 3600 else f"{seconds / 60:.0f} minutes"
