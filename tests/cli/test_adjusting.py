"""--group as a user has it, alone and beside --tta; decisions, credit and views are tested with their commands."""

import pandas as pd
import pytest

from multiskin.cli import main
from multiskin.conformal.prediction import ConformalSets, Threshold


@pytest.fixture(scope="module")
def by_tone(untrained_run, schema):
    """A run with sets of grades that differ by tone."""
    cells = {"dark": Threshold(0.5, 9, 9), "light": Threshold(0.9, 9, 9)}
    sets = ConformalSets(schema, 0.8, "tone", dict.fromkeys(schema.names, cells))
    return untrained_run(300, conformal=sets.to_dict())


@pytest.fixture
def predict(graded_folder, tmp_path):
    """Predicts one photo, to out.csv."""
    photo = next((graded_folder / "images").iterdir())
    return lambda run, *options: [
        *("predict", str(run.root), str(photo), "--out", str(tmp_path / "out.csv"), "--num_workers", "0"),
        *options,
    ]


def test_views_cost_the_sets_of_a_group_as_they_do_without_one(by_tone, predict, tmp_path, capsys):
    assert main(predict(by_tone, "--tta", "mirror", "--group", "dark")) == 0
    assert "--tta mirror: no sets of grades are given" in capsys.readouterr().err
    assert not [column for column in pd.read_csv(tmp_path / "out.csv") if column.endswith(("_low", "_high"))]


def test_an_unknown_group_gets_its_message_beside_views_too(by_tone, predict, failure):
    for views in ([], ["--tta", "mirror"]):
        assert "--group: unknown value of tone 'blue'" in failure(*predict(by_tone, *views, "--group", "blue"))


def test_a_model_without_sets_has_none_for_a_group(untrained_run, predict, failure):
    message = failure(*predict(untrained_run(1), "--group", "dark"))
    assert "--group: the model has no sets of grades; 'multiskin conform RUN --by NAME' finds them" in message
