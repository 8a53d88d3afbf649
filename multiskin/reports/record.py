"""Writes an evaluation into a run folder: numbers, predictions and figures."""

from dataclasses import replace
from pathlib import Path

import pandas as pd

from multiskin.inference.evaluate import Evaluation
from multiskin.reports.classification import classification_report
from multiskin.reports.figures import draw_confusions
from multiskin.run import RunFolder, atomic_path, move_results, write_json


def record(run: RunFolder, name: str, evaluation: Evaluation) -> None:
    """Writes an evaluation's predictions, classification report and confusion matrices, and adds it to metrics.json.

    Args:
        run: the run folder.
        name: what was evaluated: val, test, or a table's name.
        evaluation: the evaluation.
    """
    metrics = run.results() | {name: evaluation.to_dict()}
    before = evaluation.uncalibrated
    _write(run.predictions(name), evaluation.table())
    _write(run.uncalibrated(name), None if before is None else replace(evaluation, prediction=before).table())
    _write(run.persons(name), evaluation.table_of_persons())
    draw_confusions(evaluation.confusion, evaluation.schema, run.figure(f"confusion_{name}"))
    with atomic_path(run.classification(name)) as part:
        classification_report(evaluation.confusion, evaluation.schema).to_csv(part, index=False, float_format="%.4f")
    write_json(run.metrics, metrics)  # last: it marks the evaluation as complete


def _write(path: Path, table: pd.DataFrame | None) -> None:
    """Writes a table; if it is None, removes the one of an earlier evaluation."""
    if table is None:
        path.unlink(missing_ok=True)
        return
    with atomic_path(path) as part:
        table.to_csv(part, index=False)


def set_aside(run: RunFolder) -> Path | None:
    """Moves results of an earlier model of the run to a folder of their own and returns it; None without any."""
    if not run.metrics.is_file():
        return None
    patterns = (
        "predictions_*.csv",
        "uncalibrated_*.csv",
        "persons_*.csv",
        "classification_*.csv",
        "figures/confusion_*.png",
        "report.html",
        "errors*.html",
        "errors*.csv",
        "difference*.*",
    )
    found = [path.relative_to(run.root) for pattern in patterns for path in run.root.glob(pattern)]
    return move_results(run.metrics, map(str, found))
