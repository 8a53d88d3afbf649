"""Gains from several views, checked against scikit-learn on runs with untrained networks."""

import json
import sys
from functools import partial

import numpy as np
import pandas as pd
import pytest
import views
from sklearn.metrics import cohen_kappa_score
from tables import table
from tables import views as tables

from multiskin.compare.words import limits
from multiskin.data.images import read_image
from multiskin.inference.predictor import Predictor
from multiskin.portable.views import VIEWS
from multiskin.run import RunFolder
from multiskin.schema import MISSING


@pytest.fixture(scope="module")
def results(runs, tmp_path_factory):
    """The folder with the results of the script."""
    folder = tmp_path_factory.mktemp("results")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(views, "RESULTS", folder)
        patch.setattr(views, "compare", partial(views.compare, resamples=200))
        patch.setattr(sys, "argv", ["views.py", "small", *map(str, runs), "--seconds", "0", "--batch_size", "2"])
        views.main()
    return folder


@pytest.fixture(scope="module")
def found(results):
    return pd.read_csv(results / "views_small.csv").set_index(["views", "attribute", "metric"])


@pytest.mark.parametrize("name", VIEWS)
def test_metrics_are_means_over_seeds_on_validation_photos(name, found, runs, photos):
    val, h = photos.side("val"), 1
    rows = np.flatnonzero(val.grades[:, h] != MISSING)
    kappas = {"candidate": [], "baseline": []}
    for run in runs:
        predictor = Predictor.from_checkpoint(RunFolder.open(run).best, "cpu")
        for side, model in (("candidate", predictor.with_views(name)), ("baseline", predictor)):
            grades = [model.predict_photo(read_image(val.path(row))).grades[0, h] for row in rows]
            kappas[side].append(cohen_kappa_score(val.grades[rows, h], grades, weights="quadratic", labels=range(3)))
    line = found.loc[(name, "lines", "kappa")]
    assert line[["seeds", "photos"]].tolist() == [2, len(rows)]
    for side, values in kappas.items():
        assert line[side] == pytest.approx(np.mean(values), abs=1e-4)


def test_results_record_their_origin_and_the_time_of_views(results, runs):
    source = json.loads((results / "views_small.json").read_text())
    assert source["command"] == "python benchmarks/views.py small small-0 small-1 --seconds 0 --batch_size 2"
    assert source["seeds"] == [0, 1]
    assert set(source["times_as_long"]) == set(VIEWS)
    assert all(low <= value <= high for value, low, high in source["times_as_long"].values())
    assert str(runs[0].parent) not in json.dumps(source)


def test_readme_table_has_a_row_per_set_of_views_and_per_head(results, found, schema):
    lines = table(results / "views_small.json")
    firsts = [line.split("|")[1].strip() for line in lines if line.startswith("|")]
    assert firsts == ["views", "---", "single", *VIEWS, "P-Recall", "---", *schema.names]
    mean = found.loc[("dihedral", "mean", "p_recall")]
    bounds = limits(mean["method_low"], mean["method_high"])
    assert f"| dihedral | {mean['candidate']:.3f} | {mean['difference']:+.3f} ({bounds}) |" in "\n".join(lines)


def test_one_seed_shows_the_interval_of_its_model(found):
    lines = found[found.index.get_level_values("metric").isin(tables.METRICS)].assign(method_low=np.nan)
    source = {"seeds": [0], "interval": "", "timed": "", "command": "", "machine": ""}
    source |= {"times_as_long": dict.fromkeys(VIEWS, (2.0, 1.9, 2.1))}
    markdown = "\n".join(tables.view_tables(source, lines.reset_index()))
    assert "nan" not in markdown
    assert "| 2.00 (1.90 to 2.10) |" in markdown


def test_runs_with_different_photos_are_refused(manifest):
    others = manifest.select(np.arange(len(manifest)) > 2)
    with pytest.raises(SystemExit, match="differ in their validation photos"):
        views.compare_views([views.Scored(manifest, {}), views.Scored(others, {})])
