"""Gains of losses and steps, checked against scikit-learn on random predictions."""

from dataclasses import replace

import finetuned
import numpy as np
import pandas as pd
import pytest
from finetuned import SETS, Recipes, Step
from sklearn.metrics import cohen_kappa_score
from tables import finetuned as tables

from multiskin.cli.settings import fit_config
from multiskin.config import head_recipes
from multiskin.schema import Attribute, Schema

SCHEMA = Schema((Attribute("shine", 3), Attribute("lines", 4)))
RECIPES = Recipes(
    "config.yaml",
    {"cross_entropy": [], "other": []},
    ["other"],
    [Step("first", "cross_entropy", "argmax"), Step("credit", "cross_entropy"), Step("the other", "other", "median")],
    tried=[Step("tried", "cross_entropy", "median"), Step("tried, too", "other", calibration="vector")],
)


def predictions(seed, photos=60):
    """Random predictions of photos of twelve people; true grades are the same for all seeds."""
    truth, random = np.random.default_rng(0), np.random.default_rng(seed)
    table = {"image": [f"{n}.jpg" for n in range(photos)], "subject": [f"p{n % 12}" for n in range(photos)]}
    for attribute in SCHEMA:
        probabilities = random.dirichlet(np.ones(attribute.grades), photos)
        names = attribute.probability_columns
        table |= {attribute.true_column: truth.integers(0, attribute.grades, photos)}
        table |= {attribute.name: random.integers(0, attribute.grades, photos)}
        table |= dict(zip(names, probabilities.T, strict=True))
    return pd.DataFrame(table)


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder, made = tmp_path_factory.mktemp("runs"), {}
    for v, variant in enumerate([*RECIPES.variants, "other vector"]):
        made[variant] = [folder / f"{variant}-{seed}" for seed in range(2)]
        for seed, run in enumerate(made[variant]):
            run.mkdir()
            for s, side in enumerate(finetuned.SIDES):
                predictions(1 + seed + 2 * v + 4 * s).to_csv(run / f"predictions_{side}.csv", index=False)
    return made


def of(tables, title, side, attribute, metric):
    table = pd.concat(tables)
    keys = {"title": title, "side": side, "attribute": attribute, "metric": metric}
    return table.loc[(table[list(keys)] == pd.Series(keys)).all(axis=1)].iloc[0]


def test_a_loss_is_compared_with_cross_entropy(runs):
    line = of(finetuned.compare_losses(RECIPES, runs, SCHEMA), "other", "test", "lines", "kappa")
    expected = {}
    for variant, folders in runs.items():
        read = [pd.read_csv(folder / "predictions_test.csv") for folder in folders]
        true = SCHEMA.attributes[1].true_column
        expected[variant] = np.mean(
            [cohen_kappa_score(each[true], each["lines"], weights="quadratic") for each in read]
        )
    assert line["candidate"] == pytest.approx(expected["other"])
    assert line["baseline"] == pytest.approx(expected["cross_entropy"])


def test_steps_on_the_same_runs_differ_only_in_their_decisions(runs):
    attribute = SCHEMA.attributes[0]
    credit = finetuned.paired_predictions(attribute, RECIPES.steps[1], RECIPES.steps[0], runs, "val")
    read = pd.read_csv(runs["cross_entropy"][1] / "predictions_val.csv").sort_values("image")
    names = attribute.probability_columns
    assert (credit.candidate.predicted[1] == read["shine"]).all()
    assert (credit.baseline.predicted[1] == read[names].to_numpy().argmax(axis=1)).all()
    assert (credit.candidate.probabilities == credit.baseline.probabilities).all()


def ended_last(tables, metric):
    return of(tables, RECIPES.steps[-1].title, "test", "mean", metric)["candidate"]


def test_each_step_is_compared_with_the_previous_one(runs):
    found = list(finetuned.compare_steps(RECIPES, runs, SCHEMA))
    for metric in finetuned.METRICS:
        ended = of(found, "credit", "test", "mean", metric)["candidate"]
        assert of(found, "the other", "test", "mean", metric)["baseline"] == ended
        assert of(found, "tried", "test", "mean", metric)["baseline"] == ended_last(found, metric)
        assert of(found, "tried, too", "test", "mean", metric)["baseline"] == ended_last(found, metric)
    kappas = [
        cohen_kappa_score(read["lines_true"], read["lines"], weights="quadratic")
        for read in (pd.read_csv(run / "predictions_test.csv") for run in runs["other vector"])
    ]
    assert of(found, "tried, too", "test", "lines", "kappa")["candidate"] == pytest.approx(np.mean(kappas))
    source = {"seeds": [0, 1], "interval": "95 %", "command": "python", "machine": "a machine"}
    lines = tables.steps(source, pd.concat(found))
    assert [line.split("|")[1].strip() for line in lines[2:7]] == [
        "cross entropy, plain sampling, most probable grade",
        "credit",
        "the other",
        "tried",
        "tried, too",
    ]


@pytest.mark.parametrize("recipes", SETS.values(), ids=SETS)
def test_all_variants_are_used_and_the_last_step_is_the_recipe_of_the_config(recipes):
    read = [step.variant for step in [*recipes.steps, *recipes.tried]]
    assert {*recipes.losses, *read} == {*recipes.variants}
    last, config = recipes.steps[-1], ["--config", recipes.config]
    reached, schema = fit_config("fit", "", [*config, *recipes.options(last.variant)])
    wanted, _ = fit_config("fit", "", config)
    said = {"decision": last.decision, "calibration": last.calibration}
    given = {option: name for option, name in said.items() if name}
    found = [replace(recipe, **given) for recipe in head_recipes(reached, schema.names)]
    assert found == head_recipes(wanted, schema.names)
