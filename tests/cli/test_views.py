"""The option --tta in prediction, evaluation and collections, and the messages for mistakes."""

import json
from argparse import Namespace

import numpy as np
import pandas as pd
import pytest
import torch

from multiskin.cli import main
from multiskin.cli.collecting import load_for_engine
from multiskin.collection.score import Tally
from multiskin.conformal.prediction import ConformalSets, Threshold
from multiskin.inference.predictor import Predictor
from multiskin.portable.views import VIEWS

WITHOUT_SETS = "multiskin: warning: --tta mirror: no sets of grades are given"


def run(*arguments: object) -> int:
    return main([str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def trained(untrained_run, schema):
    """A run with sets of grades; large weights make its predictions differ although photos have similar features."""
    sets = ConformalSets(schema, 0.8, None, {name: {"all": Threshold(0.5, 9, 9)} for name in schema.names})
    return untrained_run(300, conformal=sets.to_dict())


def numbers(table: pd.DataFrame) -> np.ndarray:
    return table[[column for column in table if "_p" in column]].to_numpy()


@pytest.mark.parametrize("name", VIEWS)
def test_predictions_are_the_mean_over_views(name, trained, graded_folder, tmp_path, capsys):
    out, folder = tmp_path / "out.csv", graded_folder / "images"
    assert run("predict", trained.root, folder, "--out", out, "--tta", name, "--num_workers", 0) == 0
    table = pd.read_csv(out)
    predictor = Predictor.from_checkpoint(trained.best, "cpu").with_views(name)
    expected = predictor.predict_files(sorted(folder.iterdir()))
    shares = [each.prediction.probabilities[0] for each in expected]
    found = numbers(table)
    np.testing.assert_allclose(found, [[*shine, *lines[:3]] for shine, lines in shares], atol=1e-3)
    assert capsys.readouterr().err.count("no sets of grades are given") == 1
    assert not [column for column in table if column.endswith(("_low", "_high"))]


def test_without_it_sets_are_written_and_there_is_no_warning(trained, graded_folder, tmp_path, capsys):
    out = tmp_path / "out.csv"
    assert run("predict", trained.root, graded_folder / "images", "--out", out, "--num_workers", 0) == 0
    assert "shine_low" in pd.read_csv(out)
    assert "--tta" not in capsys.readouterr().err


def test_there_is_no_warning_for_a_model_without_sets(trained, graded_folder, tmp_path, capsys):
    content = torch.load(trained.best, weights_only=True)
    del content["conformal"]
    torch.save(content, tmp_path / "plain.ckpt")
    photo = next((graded_folder / "images").iterdir())
    assert run("predict", tmp_path / "plain.ckpt", photo, "--tta", "mirror", "--num_workers", 0) == 0
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(("command", "side"), [("validate", "val"), ("test", "test")])
def test_views_are_evaluated_outside_of_the_run_folder(command, side, trained, tmp_path, capsys, failure):
    measured = {}
    for asked in ((), ("--tta", "mirror")):
        out = tmp_path / f"out{len(asked)}"
        assert run(command, trained.root, "--out", out, "--num_workers", 0, *asked) == 0
        printed = capsys.readouterr()
        measured[asked] = numbers(pd.read_csv(out / f"predictions_{side}.csv"))
        results = json.loads((out / "metrics.json").read_text())[side]
        assert ("sets" in results) == ("promised to contain" in printed.out) == (not asked)
        assert printed.err.count(WITHOUT_SETS) == bool(asked)
    alone, both = measured.values()
    assert alone.shape == both.shape
    assert np.abs(alone - both).max() > 0.02
    assert "decisions and views" in failure(command, trained.root, "--tta", "mirror")


@pytest.mark.parametrize("command", ["predict", "validate", "test"])
def test_an_unknown_name_gets_one_message(command, trained, graded_folder, failure):
    photos = [graded_folder / "images"] if command == "predict" else []
    message = failure(command, trained.root, *photos, "--tta", "rotate")
    assert all(word in message for word in ("--tta", "'rotate'", "mirror", "dihedral"))


class TestCollection:
    """Prediction with an engine; no process is started here."""

    @pytest.fixture
    def scored(self, monkeypatch):
        """The model digest and the columns of each collection that would be scored."""
        collections = []

        def score(folder, types, *_):
            collections.append((folder.plan.model, types.names))
            return Tally(1, 1, 0)

        monkeypatch.setattr("multiskin.collection.cluster.require_ray", lambda: None)
        monkeypatch.setattr("multiskin.collection.score.score_collection", score)
        return collections

    def test_views_are_part_of_the_models_digest(self, scored, trained, graded_folder, tmp_path, capsys):
        command = ["predict", trained.root, graded_folder / "images", "--engine", "ray", "--out", tmp_path / "out"]
        for asked in ([], ["--tta", "mirror"], ["--tta", "dihedral"], ["--tta", "mirror"]):
            assert run(*command, *asked) == 0
        alone, mirror, dihedral, again = scored
        assert len({model for model, _ in scored}) == 3
        assert again == mirror
        assert "shine_low" in alone[1]
        assert "shine_low" not in mirror[1] + dihedral[1]
        assert capsys.readouterr().err.count("no sets of grades are given") == 3

    def test_every_process_uses_the_views(self, trained):
        options = Namespace(model=str(trained.root), decision=[], credit={}, detector=None, tta="dihedral", group=None)
        assert load_for_engine(options, "cpu").views == VIEWS["dihedral"]
