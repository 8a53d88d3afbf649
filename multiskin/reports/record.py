"""What a run folder keeps of a measurement: numbers, predictions and pictures."""

import json
from typing import Any

from multiskin.errors import UserError
from multiskin.inference.evaluate import Evaluation
from multiskin.reports.figures import draw_confusions
from multiskin.run import RunFolder, whole, write_json


def record(run: RunFolder, name: str, evaluation: Evaluation) -> None:
    """Adds a measurement to the run's metrics.json and writes its predictions and confusion matrices.

    Args:
        run: where to.
        name: of what was measured: val, test, or a table's name.
        evaluation: the measurement.
    """
    metrics = _earlier(run) | {name: evaluation.to_dict()}
    with whole(run.predictions(name)) as part:
        evaluation.table().to_csv(part, index=False)
    draw_confusions(evaluation.confusion, evaluation.schema, run.figure(f"confusion_{name}"))
    write_json(run.metrics, metrics)  # last: with them it has been measured


def _earlier(run: RunFolder) -> dict[str, Any]:
    if not run.metrics.is_file():
        return {}
    try:
        return dict(json.loads(run.metrics.read_text(encoding="utf-8")))
    except ValueError as error:
        raise UserError(f"{run.metrics}: not the results that were written there; remove the file") from error
