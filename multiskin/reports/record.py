"""What a run folder keeps of a measurement: numbers, predictions and pictures."""

import json

from multiskin.inference.evaluate import Evaluation
from multiskin.reports.figures import draw_confusions
from multiskin.run import RunFolder, write_json


def record(run: RunFolder, name: str, evaluation: Evaluation) -> None:
    """Adds a measurement to the run's metrics.json and writes its predictions and confusion matrices.

    Args:
        run: where to.
        name: of what was measured: val, test, or a table's name.
        evaluation: the measurement.
    """
    results = json.loads(run.metrics.read_text(encoding="utf-8")) if run.metrics.is_file() else {}
    write_json(run.metrics, results | {name: evaluation.to_dict()})
    evaluation.table().to_csv(run.predictions(name), index=False)
    draw_confusions(evaluation.confusion, evaluation.schema, run.figure(f"confusion_{name}"))
