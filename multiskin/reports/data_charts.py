"""The charts of the page on a data set: grids of shares and counts, the stronger the colour the more."""

from collections.abc import Sequence

import numpy as np
from markupsafe import Markup
from matplotlib.figure import Figure

from multiskin.data.statistics import Pair
from multiskin.reports.charts import WIDTH, draw_fields, short
from multiskin.reports.data_tables import GradeTables
from multiskin.reports.formats import number, percent
from multiskin.reports.styles import page_style
from multiskin.reports.svg import to_svg

SPACE = 0.34  # height of a row of cells, in inches


def draw_missing(tables: GradeTables) -> Markup:
    """The share of photos without a grade: a column for each attribute, a row for each split, part and group."""
    rows = [short(of_heads[0].title) for _, of_heads in tables.slices]
    shares = np.array([[part.missing for part in of_heads] for _, of_heads in tables.slices])  # (R, H)
    columns = [short(attribute.title()) for attribute in tables.schema]
    texts = [[percent(share) for share in line] for line in shares]
    with page_style():
        figure = Figure(figsize=(WIDTH, 1.2 + SPACE * len(rows)), layout="constrained")
        draw_fields(figure.subplots(), shares, texts, rows, columns)
        return to_svg(figure, "missing", f"Share of photos without a grade. {_description(rows, columns, texts)}")


def draw_pair(pair: Pair, place: int) -> Markup:
    """Photos by the grades of two attributes; the stronger a cell's colour, the larger its share of the row."""
    rows, columns = (
        [short(attribute.grade_label(grade)) for grade in range(attribute.grades)]
        for attribute in (pair.first, pair.second)
    )
    total = pair.counts.sum(axis=1, keepdims=True)
    shares = np.divide(pair.counts, total, out=np.zeros(pair.counts.shape), where=total > 0)
    texts = [[str(count) for count in line] for line in pair.counts]
    with page_style():
        figure = Figure(figsize=(3.5, 1.1 + SPACE * len(rows)), layout="constrained")
        axes = figure.subplots()
        draw_fields(axes, shares, texts, rows, columns)
        axes.set(ylabel=short(pair.first.title()), xlabel=short(pair.second.title()))
        told = f"Photos by the grades of both attributes. Spearman's correlation {number(pair.correlation)}. "
        return to_svg(figure, f"pair {place}", told + _description(rows, columns, texts))


def _description(rows: Sequence[str], columns: Sequence[str], texts: Sequence[Sequence[str]]) -> str:
    lines = (f"{row}: {', '.join(line)}" for row, line in zip(rows, texts, strict=True))
    return f"Columns: {', '.join(columns)}. {'; '.join(lines)}"
