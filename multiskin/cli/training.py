"""The command that trains."""

from pathlib import Path

from multiskin.cli.calibrating import calibrate_after_training
from multiskin.cli.measuring import measure
from multiskin.cli.parsers import summary
from multiskin.cli.photos import checked_photos, with_photos_drawn
from multiskin.cli.settings import fit_config
from multiskin.cli.terminal import warn


def fit(arguments: list[str]) -> None:
    """Train a model on graded photos, and evaluate it."""
    config, schema = fit_config("multiskin fit", summary(fit), arguments)
    import pandas as pd

    from multiskin.config import head_recipes
    from multiskin.inference.predictor import Predictor
    from multiskin.reports.figures import draw_curves
    from multiskin.reports.page import write_report
    from multiskin.run import RunFolder, first_process
    from multiskin.training.checks import check, check_weights, credit_in_doubt
    from multiskin.training.fit import fit as train

    check(config, schema)
    check_weights(config)
    if config.ckpt_path is None and first_process():
        RunFolder.require_free(config.out)
    config = with_photos_drawn(config)
    photos = checked_photos(config, schema)
    doubt = credit_in_doubt(config, schema)
    warn([doubt] if doubt else [])
    run = train(config, photos)
    if not first_process():
        return
    draw_curves(pd.read_csv(run.curves), schema, config.trainer.monitor, run.figure("curves"))
    predictor = Predictor.from_checkpoint(run.best)
    recipes = zip(schema.names, head_recipes(config, schema.names), strict=True)
    if methods := {name: recipe.calibration for name, recipe in recipes if recipe.calibration}:
        predictor = calibrate_after_training(run, predictor, photos.side("val"), methods, config.data)
    for side in ("val", "test") if config.test else ("val",):
        if len(photos.side(side)):
            measure(run, predictor, photos.side(side), side, config.data)
    print(f"best checkpoint: {run.best}\nreport: {write_report(run, Path(config.data.root))}")
