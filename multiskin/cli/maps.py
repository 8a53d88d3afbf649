"""The part of `explain --evaluate`: measures maps on a run's photos."""

from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from multiskin.cli.terminal import progress

if TYPE_CHECKING:
    from multiskin.data.manifest import Manifest
    from multiskin.inference.predictor import Predictor
    from multiskin.run import RunFolder


def measure_maps(
    options: Namespace,
    models: Sequence[tuple[str, "Predictor"]],
    photos: "Manifest",
    run: "RunFolder",
    out: Path,
) -> None:
    """Measures the maps of one model, or of two with the same heads side by side.

    Args:
        options: the command's.
        models: their names and predictors.
        photos: the graded photos to measure on.
        run: the run of these photos.
        out: the folder to write to.
    """
    from multiskin.explain.evaluation import evaluate_maps
    from multiskin.explain.heads import graded_for
    from multiskin.explain.regions import MaskFolder
    from multiskin.faces.step import Portrait
    from multiskin.reports.explanation import write_map_evaluation
    from multiskin.reports.explanation_pair import write_map_pair
    from multiskin.reports.explanation_tables import Measured

    graded = graded_for(photos, models[0][1].schema)
    masks = MaskFolder.beside(photos.root, _all_photos(run, photos.root), graded.schema)
    measured = []
    for name, predictor in models:
        with progress(f"measuring maps of {name}") as advance:
            evaluation = evaluate_maps(
                predictor,
                graded,
                masks,
                Portrait.skin if options.skin else None,
                sampled=options.sample,
                batch_size=options.batch_size,
                num_workers=options.num_workers,
                progress=advance,
            )
        measured.append(Measured(name, evaluation))
    first, *others = measured
    print(write_map_pair(first, others[0], out) if others else write_map_evaluation(first.evaluation, out))


def _all_photos(run: "RunFolder", root: Path) -> list[Path]:
    """The photos on all sides of the run's split."""
    import pandas as pd

    from multiskin.data.validation import photo_path

    images = pd.read_csv(run.split, usecols=["image"], dtype=str, keep_default_na=False)["image"]
    return [photo_path(root, image) for image in images]
