"""What a run folder keeps of a measurement: numbers, predictions and pictures."""

from dataclasses import replace
from pathlib import Path

import pandas as pd

from multiskin.inference.evaluate import Evaluation
from multiskin.reports.classification import classification_report
from multiskin.reports.figures import draw_confusions
from multiskin.run import RunFolder, move_results, whole, write_json


def record(run: RunFolder, name: str, evaluation: Evaluation) -> None:
    """Adds a measurement to the run's metrics.json; writes its predictions, class by class, and confusion matrices.

    Args:
        run: where to.
        name: of what was measured: val, test, or a table's name.
        evaluation: the measurement.
    """
    metrics = run.results() | {name: evaluation.to_dict()}
    before = evaluation.uncalibrated
    _write(run.predictions(name), evaluation.table())
    _write(run.uncalibrated(name), None if before is None else replace(evaluation, prediction=before).table())
    _write(run.persons(name), evaluation.table_of_persons())
    draw_confusions(evaluation.confusion, evaluation.schema, run.figure(f"confusion_{name}"))
    with whole(run.classification(name)) as part:
        classification_report(evaluation.confusion, evaluation.schema).to_csv(part, index=False, float_format="%.4f")
    write_json(run.metrics, metrics)  # last: with them it has been measured


def _write(path: Path, table: pd.DataFrame | None) -> None:
    """Writes a table, or removes an earlier one that there is none of now."""
    if table is None:
        path.unlink(missing_ok=True)
        return
    with whole(path) as part:
        table.to_csv(part, index=False)


def set_aside(run: RunFolder) -> Path | None:
    """Moves what was measured of another model than the run has now to a folder of its own; None if nothing was."""
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
