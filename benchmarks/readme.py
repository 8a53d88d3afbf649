"""Writes the tables of README.md from the result files beside this script.

    python benchmarks/readme.py

Each table stands between two comments, <!-- NAME --> and <!-- /NAME -->, where NAME.csv is in benchmarks/results/.
"""

import json
import re
from pathlib import Path

import pandas as pd

RESULTS = Path(__file__).parent / "results"
README = Path(__file__).parent.parent / "README.md"
HEADINGS = {"p_recall": "P-Recall", "kappa": "kappa", "mae": "MAE"}


def main() -> None:
    text = README.read_text(encoding="utf-8")
    for path in sorted(RESULTS.glob("*.csv")):
        block = f"<!-- {path.stem} -->\n{table(path)}\n<!-- /{path.stem} -->"
        text = re.sub(rf"<!-- {path.stem} -->.*<!-- /{path.stem} -->", lambda _: block, text, flags=re.DOTALL)  # noqa: B023
    README.write_text(text, encoding="utf-8")


def table(path: Path) -> str:
    """A result file as Markdown: a line a head, metrics with their intervals, and where the numbers come from."""
    results = pd.read_csv(path).set_index(["attribute", "metric"])
    source = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    lines = [
        f"| attribute | {' | '.join(HEADINGS.values())} | P-Recall of the best constant answer |",
        "|---|---|---|---|---|",
    ]
    for name in results.index.get_level_values("attribute").unique():
        cells = [_cell(results.loc[(name, metric)]) for metric in HEADINGS]
        constant = results.loc[(name, "p_recall"), "constant_answer"]
        lines.append(f"| {name} | {' | '.join(cells)} | {constant:.2f} |")
    seeds = ", ".join(map(str, source["seeds"]))
    lines += ["", f"Seeds {seeds}; {source['interval']}. `{source['command']}`, {source['machine']}."]
    return "\n".join(lines)


def _cell(row: pd.Series) -> str:
    return f"{row['mean']:.2f} ({row['low']:.2f} to {row['high']:.2f})"


if __name__ == "__main__":
    main()
