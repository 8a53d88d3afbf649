"""A page on a data set: its grades, the missing ones, and how the grades of two attributes go together."""

from pathlib import Path

from multiskin.reports.charts import draw_grades
from multiskin.reports.data_charts import draw_missing, draw_pair
from multiskin.reports.data_tables import SHOWN, GradeTables
from multiskin.reports.html import write_page

MOST_PAIRS = 15  # charts of two attributes, those with the most photos; the CSV files have all


def write_data_page(tables: GradeTables, root: Path, name: str) -> Path:
    """Writes data.html, which needs no other file, and returns its path.

    Args:
        tables: the data set's tables.
        root: the folder to write to.
        name: of the data set.
    """
    path = root / "data.html"
    paired = sorted((pair for pair in tables.pairs if pair.photos), key=lambda pair: -pair.photos)
    content = {
        "name": name,
        "schema": tables.schema,
        "photos": len(tables.photos.manifest),
        "sides": tables.sides,
        "grades": [(head, draw_grades(head, place)) for place, head in enumerate(tables.heads)],
        "missing": draw_missing(tables),
        "patterns": tables.patterns[:SHOWN],
        "further": tables.patterns[SHOWN:],
        "pairs": [(pair, draw_pair(pair, place)) for place, pair in enumerate(paired[:MOST_PAIRS])],
        "further_pairs": len(paired[MOST_PAIRS:]),
    }
    write_page(path, "data", content)
    return path
