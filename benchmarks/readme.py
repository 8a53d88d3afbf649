"""Writes the tables of README.md from the result files in benchmarks/results/.

    python benchmarks/readme.py

The table of NAME.json goes between the comments <!-- NAME --> and <!-- /NAME -->.
"""

from pathlib import Path

from tables import table

RESULTS = Path(__file__).parent / "results"
README = Path(__file__).parent.parent / "README.md"


def main() -> None:
    text = README.read_text(encoding="utf-8")
    for path in sorted(RESULTS.glob("*.json")):
        begin, end = f"<!-- {path.stem} -->", f"<!-- /{path.stem} -->"
        before, found, rest = text.partition(begin)
        if found:
            _, closed, after = rest.partition(end)
            if not closed:
                raise SystemExit(f"{README}: no {end} after {begin}; add it")
            text = before + "\n".join([begin, *table(path), end]) + after
    README.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
