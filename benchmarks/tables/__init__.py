"""The tables of the README: the function for each result file that formats it as Markdown."""

import json
from collections.abc import Callable
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pandas as pd

from tables import comparisons, export, finetuned, losses, maps, scale, scores, throughput, timings, views

JSON_TABLES: dict[str, Callable[[dict[str, Any]], list[str]]] = {
    "answer": timings.answers,
    "cam": timings.maps,
    "allocation": timings.allocation,
    "inference": timings.inference,
    "long_run": timings.long_run,
    "import_labels": timings.imports,
    "data": throughput.stages,
    "train": throughput.training,
    "train_jpeg": throughput.training,
    "train_bf16": throughput.training,
    "collection": throughput.collection,
    "scale": scale.throughput,
    "determinism": timings.determinism,
    "export": export.exported,
    "suspects": maps.suspects,
}
CSV_TABLES: dict[str, Callable[[dict[str, Any], pd.DataFrame], list[str]]] = {  # the first pattern that matches
    "compare_*": comparisons.comparison,
    "study_*": comparisons.study,
    "coverage": comparisons.coverage,
    "default_run": timings.default_run,
    "ham10000": scores.systems,
    "relabelled": scores.systems,
    "memory": timings.memory,
    "skin_mask": maps.skin_mask,
    "heads_*": losses.losses,
    "losses_*": finetuned.losses,
    "steps_*": finetuned.steps,
    "calibration_photos_*": scores.calibration_photos,
    "calibration_*": scores.calibration,
    "natural_shares_*": scores.shares,
    "conformal_*": scores.coverage,
    "views_*": views.view_tables,
    "maps_*_tones": maps.by_tone,
    "maps_*": maps.quality,
    "*_tones": scores.tones,
    "*_trivial": scores.trivial_models,
    "*": scores.heads,
}


def table(path: Path) -> list[str]:
    """The Markdown lines of a result file's table, with the origin of its numbers.

    Args:
        path: the JSON file; results that also have a CSV file keep it next to this file.
    """
    source = json.loads(path.read_text(encoding="utf-8")) | {"name": path.stem}
    if path.stem in JSON_TABLES:
        return JSON_TABLES[path.stem](source)
    format_table = next(function for pattern, function in CSV_TABLES.items() if fnmatch(path.stem, pattern))
    results = pd.read_csv(path.with_suffix(".csv"), keep_default_na=False, na_values=[""])  # a row may be named None
    return format_table(source, results)
