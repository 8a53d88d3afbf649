"""The table of exported models."""

from typing import Any

from tables.cells import bounded, markdown, origin


def exported(source: dict[str, Any]) -> list[str]:
    """One row per format: latency, cold start, agreement with the PyTorch model, and quality."""
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
    headings = ["", "ms per photo", "cold start, s", "probabilities differ by", "same grades"]
    told = f"{source['network']}, {source['quality']['photos']} validation photos; {source['interval']}"
    return [*markdown([*headings, "mean P-Recall", "difference"], lines), "", f"{told}. {origin(source)}"]
