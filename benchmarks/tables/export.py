"""The table of exported models."""

from typing import Any

from tables.cells import bounded, markdown, origin


def exported(source: dict[str, Any]) -> list[str]:
    """A line a way: how long an answer takes, warm and cold, how far it is the model's own, and how good it is."""
    lines = []
    for way, latency in source["latency"].items():
        agreed, quality = source["agreement"].get(way), source["quality"]["ways"][way]
        compared = ["", ""] if agreed is None else [f"{agreed['probability']:.1e}", f"{agreed['grades']:.1%}"]
        lines.append(
            [
                way,
                bounded(*latency["ms"], decimals=1),
                bounded(*source["cold"][way]),
                *compared,
                bounded(*quality["p_recall"], decimals=3),
                "" if agreed is None else bounded(*quality["difference"], decimals=3, sign="+"),
            ]
        )
    headings = ["", "ms a photo", "s, cold", "probabilities differ by", "same grades", "mean P-Recall", "difference"]
    told = f"{source['network']}, {source['quality']['photos']} validation photos; {source['interval']}"
    return [*markdown(headings, lines), "", f"{told}. {origin(source)}"]
