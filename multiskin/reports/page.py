"""The report page of a run: everything worth knowing about it, in a single file to send to a colleague."""

import platform
from collections.abc import Mapping, Sequence
from datetime import timedelta
from itertools import combinations
from pathlib import Path
from typing import Any

import pandas as pd
import yaml
from markupsafe import Markup

from multiskin.compare.contents import package_versions
from multiskin.disclosure import as_yaml
from multiskin.errors import UserError
from multiskin.metrics.bootstrap import RESAMPLES
from multiskin.reports.charts import draw_confusion, draw_curves, draw_grades, draw_intervals
from multiskin.reports.example_maps import MapPainter
from multiskin.reports.grade_counts import SIDE_TITLES, graded_table, head_counts, sides
from multiskin.reports.graded import GradedPredictions, read_text_table
from multiskin.reports.html import write_page
from multiskin.reports.mistakes import head_mistakes
from multiskin.reports.reliability import HeadReliability, draw_reliability, reliability_of
from multiskin.reports.results import ENOUGH, Grouping, by_group, judged_by, results
from multiskin.reports.thumbnails import head_examples
from multiskin.run import RunFolder
from multiskin.schema import Schema

EXAMPLES = 4  # photos for each head, of each kind: errors and correct predictions


def write_report(run: RunFolder, photos: Path | None = None, examples: int = EXAMPLES) -> Path:
    """Writes report.html into the run folder, from the files there, and returns its path; the page needs no network.

    Args:
        run: a finished run; reported on its test photos if these were evaluated, else on its validation photos.
        photos: the folder that the photos' paths are relative to; None if it is not known, as the page then says.
        examples: how many of the worst errors, and of the correct predictions, are shown for each head; 0 for a page
            without photographs.

    Raises:
        UserError: nothing was evaluated yet, or a file of the run is damaged.
    """
    path = run.root / "report.html"
    write_page(path, "report", _content(run, photos, examples))
    return path


def _content(run: RunFolder, photos: Path | None, examples: int) -> dict[str, Any]:
    """Everything that the template refers to."""
    schema, config = Schema.load(run.schema), settings_of(run)
    measured = _measured(run, schema)
    side = "test" if "test" in measured else "val"
    predictions = measured[side]
    return {
        **prediction_content(run, side, predictions, config, photos, examples),
        **_measured_content(run, side, predictions),
        **_training_content(_curves(run.curves), schema, config),
        **_grade_content(_split(run.split), measured, _group_columns(predictions, config)),
        "side": side,
        "config": config,
        "reliability": [_reliability(run, name, measured[name]) for name in ("test", "val") if name in measured],
        "settings": as_yaml(config),
        "versions": {"Python": platform.python_version()} | package_versions(),
    }


def prediction_content(
    run: RunFolder,
    side: str,
    predictions: GradedPredictions,
    config: Mapping[str, Any],
    photos: Path | None,
    examples: int,
) -> dict[str, Any]:
    """What every page on predictions shows: results by group and by grade, and example photos."""
    painter = MapPainter(run)
    return {
        "name": run.root.resolve().name,
        "schema": predictions.schema,
        "drawn": bool(config["data"].get("render") and not config["data"].get("faces")),
        "side_title": SIDE_TITLES[side],
        "predictions": predictions,
        "groupings": groupings_of(predictions, config),
        "judged_by": judged_by(predictions.schema),
        "enough": ENOUGH,
        "confusions": confusion_charts(predictions),
        "mistakes": head_mistakes(predictions),
        "examples": head_examples(predictions, photos, examples, painter) if examples else [],
        "photos_known": photos is not None,
        "painter": painter,
    }


def _measured_content(run: RunFolder, side: str, predictions: GradedPredictions) -> dict[str, Any]:
    """The results with their intervals, by photo and by person."""
    recorded = _recorded(run, side)
    panels = results(predictions, (recorded or {}).get("second_rater", {}))
    persons = _persons(run, side, predictions.schema)
    return {
        "panels": panels,
        "panels_by_person": results(persons, {}) if persons else None,
        "recorded": recorded is not None,
        "differing": _differing(recorded or {}, predictions.schema),
        "interval_charts": [draw_intervals(panel) for panel in panels],
        "resamples": RESAMPLES,
        "units": int(predictions.units.max()) + 1,
    }


def _training_content(curves: pd.DataFrame, schema: Schema, config: Mapping[str, Any]) -> dict[str, Any]:
    """Learning curves and other quantities logged in training."""
    return {
        "curves": draw_curves(curves, schema, config["trainer"]["monitor"]) if len(curves) else [],
        "epochs": curves["epoch"].nunique(),
        "sampling": _sampling(curves, schema),
        "cosines": _cosines(curves, schema),
        "training_time": _training_time(curves),
    }


def _grade_content(
    split: pd.DataFrame, measured: Mapping[str, GradedPredictions], columns: Sequence[str]
) -> dict[str, Any]:
    """How many photos each split has, and with which grades."""
    schema = next(iter(measured.values())).schema
    grades = graded_table(split, measured, schema)
    heads = enumerate(head_counts(grades, schema, columns))
    return {
        "sides": sides(split),
        "sides_with_grades": [SIDE_TITLES[name] for name in grades["split"].unique()],
        "grades": [(head, draw_grades(head, number)) for number, head in heads],
    }


def _group_columns(predictions: GradedPredictions, config: Mapping[str, Any]) -> list[str]:
    return [name for name in ("part", *config["data"]["columns"]["groups"]) if name in predictions.table]


def groupings_of(predictions: GradedPredictions, config: Mapping[str, Any]) -> list[Grouping]:
    """The results by each column of groups that has at least two values."""
    groupings = [by_group(predictions, column) for column in _group_columns(predictions, config)]
    return [grouping for grouping in groupings if len(grouping.groups) > 1]


def settings_of(run: RunFolder) -> dict[str, Any]:
    """The settings that a run was trained with.

    Raises:
        UserError: config.yaml is damaged.
    """
    path = run.config
    try:
        config = yaml.safe_load(path.read_text(encoding="utf-8"))
        if not all(isinstance(config[part], dict) for part in ("data", "model", "trainer")):
            raise ValueError("a section is not a mapping")
    except (OSError, ValueError, yaml.YAMLError, KeyError, TypeError) as error:
        raise UserError(f"{path}: not the settings that 'fit' wrote; restore the file") from error
    return dict(config)


def _measured(run: RunFolder, schema: Schema) -> dict[str, GradedPredictions]:
    """The predictions by split, of those that were evaluated."""
    paths = {side: run.predictions(side) for side in ("val", "test")}
    found = {side: GradedPredictions.load(path, schema) for side, path in paths.items() if path.is_file()}
    if not found:
        raise UserError(f"{run.root}: no predictions yet; run 'multiskin validate {run.root}' first")
    return found


def _split(path: Path) -> pd.DataFrame:
    try:
        table = read_text_table(path)
        return table.assign(split=table["split"])
    except (OSError, ValueError, KeyError) as error:
        raise UserError(f"{path}: not the split that 'fit' wrote; restore the file") from error


def _curves(path: Path) -> pd.DataFrame:
    """The logged quantities; an empty table if there is no log."""
    if not path.is_file():
        return pd.DataFrame({"epoch": []})
    try:
        table = pd.read_csv(path)
        return table.assign(epoch=table["epoch"].astype(int))
    except (OSError, ValueError, KeyError) as error:
        raise UserError(f"{path}: not the log that 'fit' wrote; restore the file or remove it") from error


def _persons(run: RunFolder, side: str, schema: Schema) -> GradedPredictions | None:
    """The predictions for persons; None if nobody has several photos."""
    path = run.persons(side)
    return GradedPredictions.load(path, schema, named_by=["subject", "photos"]) if path.is_file() else None


def _differing(recorded: Mapping[str, Any], schema: Schema) -> list[tuple[str, int, int]]:
    """For each head: its title, the persons whose photos differ in grade, and those with several graded photos."""
    heads = recorded.get("persons", {}).get("heads", {})
    known = [(head.title(), heads[head.name]) for head in schema if head.name in heads]
    return [(title, of_head["differing"], of_head["several"]) for title, of_head in known if of_head["several"]]


def _recorded(run: RunFolder, side: str) -> Mapping[str, Any] | None:
    """The results in metrics.json for one side of the split; None if the file is missing, damaged or lacks them."""
    recorded = run.results().get(side)
    return recorded if isinstance(recorded, dict) else None


def confusion_charts(predictions: GradedPredictions) -> list[tuple[str, int, Markup]]:
    """Each head's title, number of photos and confusion matrix as a chart."""
    charts = []
    for number, (head, matrices) in enumerate(zip(predictions.schema, predictions.confusions, strict=True)):
        counts = matrices[0].numpy().astype(int)
        charts.append((head.title(), int(counts.sum()), draw_confusion(counts, head, number)))
    return charts


def _reliability(
    run: RunFolder, side: str, predictions: GradedPredictions
) -> tuple[str, list[tuple[HeadReliability, Markup]]]:
    """The title of a split, and each head's calibration there with its reliability diagram."""
    heads = reliability_of(run, side, predictions)
    return SIDE_TITLES[side], [(head, draw_reliability(head, f"{side} {head.attribute.name}")) for head in heads]


def _sampling(curves: pd.DataFrame, schema: Schema) -> list[tuple[str, float, float]]:
    """Title, effective sample size and distinct photos of each head that logs them, means over epochs."""
    keys = [(head.title(), f"sampling/{head.name}/effective", f"sampling/{head.name}/distinct") for head in schema]
    return [
        (title, float(curves[effective].mean()), float(curves[distinct].mean()))
        for title, effective, distinct in keys
        if effective in curves and distinct in curves
    ]


def _cosines(curves: pd.DataFrame, schema: Schema) -> list[tuple[str, str, float]]:
    """For each pair of heads the cosine of their gradients, a mean over epochs, in ascending order."""
    keys = [(a.title(), b.title(), f"train/cosine/{a.name}/{b.name}") for a, b in combinations(schema, 2)]
    found = [(a, b, float(curves[key].mean())) for a, b, key in keys if key in curves]
    return sorted(found, key=lambda pair: pair[2])


def _training_time(curves: pd.DataFrame) -> str | None:
    """The total training time as h:mm:ss; None if the epochs' seconds are not logged."""
    if "train/seconds" not in curves:
        return None
    return str(timedelta(seconds=round(curves["train/seconds"].sum())))
