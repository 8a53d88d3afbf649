"""Where a run's model makes mistakes: a page by grade, group and photo, and a table of all errors."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from multiskin.reports.graded import GradedPredictions
from multiskin.reports.html import write_page
from multiskin.reports.page import prediction_content, settings_of
from multiskin.reports.thumbnails import probability_of_truth, worst_misses
from multiskin.run import RunFolder, write_atomically


def write_errors(run: RunFolder, side: str, photos: Path, examples: int) -> Path:
    """Writes errors.html and errors.csv (errors-val.* for side val) into the run folder; returns the page's path.

    Args:
        run: a finished run.
        side: the split, test or val.
        photos: the folder that the photos' paths are relative to.
        examples: how many of the worst errors, and of the correct predictions, are shown for each head.

    Raises:
        UserError: that split has not been evaluated yet, or a file of the run is damaged.
    """
    predictions = GradedPredictions.of_run(run, side)
    page = run.root / ("errors.html" if side == "test" else f"errors-{side}.html")
    listed = page.with_suffix(".csv")
    write_atomically(listed, error_table(predictions).to_csv(index=False, float_format="%.4f"))
    content = prediction_content(run, side, predictions, settings_of(run), photos, examples)
    write_page(page, "errors", {"listed": listed.name, **content})
    return page


def error_table(predictions: GradedPredictions) -> pd.DataFrame:
    """Every wrong prediction, head by head, the worst first.

    Returns:
        attribute, row, image, subject where known, true, predicted, p_true: one row per error, grades as labels.
    """
    lines = [line for head in range(len(predictions.schema)) for line in _errors(predictions, head)]
    columns = ["attribute", *_facts(predictions), "true", "predicted", "p_true"]
    return pd.DataFrame(lines, columns=columns)


def _errors(predictions: GradedPredictions, head: int) -> Iterator[list[Any]]:
    attribute = predictions.schema.attributes[head]
    facts = predictions.table[_facts(predictions)].to_numpy()
    for line in worst_misses(predictions, head).tolist():
        grades = (of[line, head] for of in (predictions.grades, predictions.decisions))
        words = map(attribute.grade_label, grades)
        yield [attribute.name, *facts[line], *words, probability_of_truth(predictions, head, line)]


def _facts(predictions: GradedPredictions) -> list[str]:
    return [fact for fact in ("row", "image", "subject") if fact in predictions.table]
