"""Predictions of finished runs without calibration."""

from pathlib import Path
from tempfile import TemporaryDirectory

from seeds import config_of

from multiskin.data.photos import load_side
from multiskin.inference.evaluate import evaluate
from multiskin.inference.predictor import Predictor
from multiskin.reports.graded import GradedPredictions
from multiskin.run import RunFolder


def as_trained(run: Path, side: str) -> GradedPredictions:
    """The uncalibrated predictions of a run for its validation or test photos.

    Args:
        run: the run folder.
        side: val or test.
    """
    folder = RunFolder.open(run)
    predictor = Predictor.from_checkpoint(folder.best, "cpu")
    if not predictor.calibrators:
        return GradedPredictions.of_run(folder, side)
    data = config_of(run).data
    photos, _ = load_side(data, predictor.schema, folder.split, side)
    said = evaluate(predictor.uncalibrated(), photos, data.batch_size, data.num_workers)
    with TemporaryDirectory() as place:
        table = Path(place) / "predictions.csv"
        said.table().to_csv(table, index=False)
        return GradedPredictions.load(table, predictor.schema)
