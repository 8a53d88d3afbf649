"""The table of exported models."""

from typing import Any

from tables.cells import bounded, markdown, origin


def exported(source: dict[str, Any]) -> list[str]:
    """One row per format: latency, cold start, agreement with the PyTorch model, and quality."""
    lines = []
    for way, latency in source["latency"].items():
        agreement, quality = source["agreement"].get(way), source["quality"]["ways"][way]
        agreement_cells = (
            ["", ""] if agreement is None else [f"{agreement['probability']:.1e}", f"{agreement['grades']:.1%}"]
        )
        lines.append(
            [
                way,
                bounded(*latency["ms"], decimals=1),
                bounded(*source["cold"][way]),
                *agreement_cells,
                bounded(*quality["p_recall"], decimals=3),
                "" if agreement is None else bounded(*quality["difference"], decimals=3, sign="+"),
            ]
        )
    headings = ["", "ms per photo", "cold start, s", "probabilities differ by", "same grades"]
    caption = f"{source['network']}, {source['quality']['photos']} validation photos; {source['interval']}"
    return [*markdown([*headings, "mean P-Recall", "difference"], lines), "", f"{caption}. {origin(source)}"]
