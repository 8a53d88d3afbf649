"""The command that explains a model's grades, from its options to the files it writes; no model is trained."""

import json
import shutil
from argparse import Namespace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from multiskin.cli import main
from multiskin.cli.explaining import _model_names
from multiskin.config import ModelConfig, Recipe
from multiskin.data.transforms import Preprocessing
from multiskin.explain import evaluation
from multiskin.faces.step import Portrait
from multiskin.inference.evaluate import evaluate
from multiskin.inference.predictor import Predictor
from multiskin.models.blueprint import Blueprint
from multiskin.reports import explanation
from multiskin.run import RunFolder
from multiskin.schema import Attribute, Schema

SIZE = 48
HEIGHT, WIDTH = 40, 48  # of the photos


def save_checkpoint(schema: Schema, path: Path) -> Path:
    """Saves an untrained network with confident predictions."""
    torch.manual_seed(0)
    model = ModelConfig("test_efficientnet", weights="none", input_size=SIZE)
    counts = tuple((1,) * attribute.grades for attribute in schema)
    blueprint = Blueprint(schema, model, (Recipe(),) * len(schema), counts)
    net = blueprint.build()
    for _, head in net.named_heads():
        torch.nn.init.normal_(head.linear.weight)
    content = {
        "blueprint": blueprint.to_dict(),
        "preprocessing": Preprocessing(SIZE, (0.5,) * 3, (0.2,) * 3).to_dict(),
        "state_dict": {f"net.{key}": value for key, value in net.state_dict().items()},
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save(content, path)
    return path


@pytest.fixture(scope="module")
def run(tmp_path_factory, write_settings, schema, photos):
    """A run folder with all files that the command reads."""
    run = RunFolder(tmp_path_factory.mktemp("runs") / "first")
    run.root.mkdir()
    write_settings(run.root)
    photos.save(run.split, run.skipped)
    predictor = Predictor.from_checkpoint(save_checkpoint(schema, run.best), "cpu")
    evaluate(predictor, photos.side("val"), num_workers=0).table().to_csv(run.predictions("val"), index=False)
    return run


@pytest.fixture
def files(tmp_path, graded_folder):
    """Two photos with the same name, and a file that is not a photo."""
    first, second, bad = tmp_path / "a" / "face.png", tmp_path / "b" / "face.jpg", tmp_path / "b" / "bad.jpg"
    for path in (first, second):
        path.parent.mkdir()
        photo = Image.open(graded_folder / "images" / "02.png")
        exif = photo.getexif()
        exif[0x013B] = "whose photo it is"  # Artist
        photo.save(path, exif=exif)
    bad.write_bytes(b"no picture")
    return [first, second, bad]


def explain(*arguments: object) -> int:
    return main(["explain", *map(str, arguments), "--num_workers", "0", "--device", "cpu"])


def failure(capsys, *arguments: object) -> str:
    assert explain(*arguments) == 2
    message = capsys.readouterr().err.strip().splitlines()[-1]
    assert message.startswith("multiskin: error: ")
    return message


def pictures(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob("*.png"))


class TestPhotos:
    def test_each_photo_gets_a_picture_and_a_bad_file_is_named(self, run, files, tmp_path, capsys):
        assert explain(run.root, *files, "--out", tmp_path / "out") == 0
        said = capsys.readouterr()
        assert said.out.strip() == str(tmp_path / "out" / "index.html")
        assert "bad.jpg: not a" in said.err
        assert pictures(tmp_path / "out") == ["0001-face.png", "0002-face.png"]
        assert "bad.jpg: not a" in (tmp_path / "out" / "index.html").read_text()

    def test_no_metadata_of_a_photo_is_kept(self, run, files, tmp_path):
        assert b"whose photo it is" in files[1].read_bytes()
        assert explain(run.best, "--out", tmp_path / "out", files[1]) == 0  # a checkpoint; photos after an option
        assert all(b"whose photo it is" not in path.read_bytes() for path in (tmp_path / "out").iterdir())

    def test_every_option_for_pictures_changes_the_picture(self, run, files, tmp_path):
        given = [[], ["--heads", "lines"], ["--of", "p1"], ["--of", "p1", "--scale", "each"], ["--signed"], ["--skin"]]
        drawn = []
        for number, options in enumerate(given):
            out = tmp_path / f"out-{number}"
            assert explain(run.root, files[0], "--out", out, *options) == 0
            drawn.append((out / "0001-face.png").read_bytes())
        assert len(set(drawn)) == len(given)

    def test_a_grade_that_only_some_heads_have_can_be_explained_for_them(self, run, files, tmp_path, capsys):
        options = ["--of", "logit4", "--out", tmp_path / "out"]  # lines has grades 0 to 2
        assert "'lines': unknown quantity 'logit4'" in failure(capsys, run.root, files[0], *options)
        assert explain(run.root, files[0], *options, "--heads", "shine") == 0
        assert pictures(tmp_path / "out") == ["0001-face.png"]

    def test_it_is_an_error_if_no_photo_can_be_read(self, run, files, tmp_path, capsys):
        assert "none of 1 photos" in failure(capsys, run.root, files[2], "--out", tmp_path / "out")
        assert explain(run.root, files[0], "--out", tmp_path / "out") == 0  # the corrected command


class TestWorst:
    def test_errors_of_the_run_are_shown_by_head(self, run, schema, tmp_path):
        assert explain(run.root, "--worst", 1, "--side", "val", "--out", tmp_path / "out") == 0
        table = pd.read_csv(run.predictions("val"))
        true, found = (table[[f"{name}{ending}" for name in schema.names]].to_numpy() for ending in ("_true", ""))
        wrong = (~np.isnan(true) & (true != found)).any(axis=0).tolist()
        assert len(pictures(tmp_path / "out")) == sum(wrong) > 0
        page = (tmp_path / "out" / "index.html").read_text()
        assert [f"<h2>{attribute.title()}: worst errors</h2>" in page for attribute in schema] == wrong

    def test_the_run_has_to_be_evaluated_first(self, run, tmp_path, capsys):
        message = failure(capsys, run.root, "--worst", 1, "--out", tmp_path / "out")
        assert f"multiskin test {run.root}" in message

    def test_the_option_for_photos_that_have_moved_is_named(self, run, graded_folder, tmp_path, capsys):
        arguments = [run.root, "--worst", 1, "--side", "val", "--out", tmp_path / "out", "--root"]
        assert "name their folder with --root" in failure(capsys, *arguments, tmp_path / "gone")
        assert explain(*arguments, graded_folder) == 0

    def test_they_need_a_run(self, run, tmp_path, capsys):
        assert "--worst: needs the run folder" in failure(capsys, run.best, "--worst", 1, "--out", tmp_path / "out")


class TestAgainst:
    def test_attributes_of_both_models_are_shown_side_by_side(self, run, files, tmp_path):
        other = save_checkpoint(Schema((Attribute("lines", 3), Attribute("shine", 4))), tmp_path / "other.ckpt")
        assert explain(run.root, files[0], "--against", other, "--out", tmp_path / "out") == 0
        assert pictures(tmp_path / "out") == ["0001-face.png"]
        assert "Compared: first, other." in (tmp_path / "out" / "index.html").read_text()

    def test_a_head_that_only_one_model_has_is_refused(self, run, files, tmp_path, capsys):
        other = save_checkpoint(Schema((Attribute("lines", 3), Attribute("shine", 4))), tmp_path / "other.ckpt")
        arguments = [run.root, files[0], "--against", other, "--out", tmp_path / "out", "--heads", "shine"]
        assert "--heads: unknown attribute 'shine'" in failure(capsys, *arguments)

    def test_models_without_a_common_attribute_cannot_be_compared(self, run, files, tmp_path, capsys):
        other = save_checkpoint(Schema((Attribute("redness", 5),)), tmp_path / "other.ckpt")
        arguments = [run.root, files[0], "--against", other, "--out", tmp_path / "out"]
        assert "--against: no attribute" in failure(capsys, *arguments)

    @pytest.mark.parametrize(
        ("models", "names"),
        [
            (["exp-0.1/", "exp-0.3/"], ["exp-0.1", "exp-0.3"]),
            (["exp-0.1/", "exp-0.3/checkpoints/best.ckpt"], ["exp-0.1", "exp-0.3"]),
            (["one/exp/", "two/exp/"], ["one/exp", "two/exp"]),
            (["exp/checkpoints/best.ckpt", "exp/checkpoints/last.ckpt"], ["best.ckpt", "last.ckpt"]),
            (["exp/", "exp/"], ["exp", "exp"]),
        ],
    )
    def test_models_get_the_shortest_names_that_differ(self, tmp_path, models, names):
        for model in models:
            folder = tmp_path / (model if model.endswith("/") else Path(model).parent)
            folder.mkdir(parents=True, exist_ok=True)
        model, against = (str(tmp_path / model) for model in models)
        assert _model_names(Namespace(model=model, against=against)) == names


class TestEvaluate:
    @pytest.fixture
    def measured(self, monkeypatch):
        """The arguments that evaluate_maps, which is replaced, is called with."""
        calls: list = []
        monkeypatch.setattr(
            evaluation, "evaluate_maps", lambda *arguments, **options: calls.append((*arguments, options))
        )
        monkeypatch.setattr(explanation, "write_map_evaluation", lambda _, folder: folder / "explanation.html")
        return calls

    def test_maps_are_measured_on_one_side_of_the_split(self, run, photos, measured, tmp_path, capsys):
        assert explain(run.root, "--evaluate", "--side", "val", "--out", tmp_path / "out") == 0
        [(_, manifest, masks, skin, options)] = measured
        np.testing.assert_array_equal(manifest.rows, photos.side("val").rows)
        assert masks is None
        assert skin is None
        assert options["sampled"] == 40
        assert capsys.readouterr().out.strip() == str(tmp_path / "out" / "explanation.html")

    def test_masks_next_to_the_photos_are_used(self, run, graded_folder, measured, tmp_path):
        root = tmp_path / "drawn"
        root.mkdir()
        for name in ("images", "labels.csv"):
            (root / name).symlink_to(graded_folder / name)
        (root / "masks").mkdir()
        assert explain(run.root, "--evaluate", "--sample", 7, "--root", root, "--out", tmp_path / "out") == 0
        [(_, _, masks, _, options)] = measured
        assert masks.folder == root / "masks"
        assert options["sampled"] == 7

    def test_skin_is_detected_if_requested(self, run, measured, tmp_path):
        assert explain(run.root, "--evaluate", "--skin", "--side", "val", "--out", tmp_path / "out") == 0
        [(_, _, _, skin, _)] = measured
        mask = skin(Portrait(np.full((50, 70, 3), (205, 160, 140), np.uint8), None), lips=False)
        assert mask.shape == (50, 70)
        assert mask.min() == 1

    def test_results_are_written_to_files(self, run, photos, tmp_path):
        out = tmp_path / "out"
        options = ["--evaluate", "--skin", "--sample", 1, "--side", "val", "--batch_size", 3]
        assert explain(run.root, *options, "--out", out) == 0
        written = {path.name for path in out.iterdir()}
        assert written == {f"explanation{end}" for end in (".html", ".md", ".csv", ".json", "_groups.csv")}
        content = json.loads((out / "explanation.json").read_text())
        assert (content["photos"], content["sampled"]) == (len(photos.side("val").rows), 1)
        measures = set(pd.read_csv(out / "explanation.csv")["measure"])
        anew = {f"{part}_anew{end}" for part in ("readouts", "network") for end in ("", "_absolute")}
        assert measures == {"outside_skin", "deletion", "insertion", "faithfulness", *anew}

    def test_two_models_are_measured_on_the_same_photos_and_shown_side_by_side(self, run, photos, tmp_path):
        """The other model has its heads in reverse order, and one more head."""
        other = save_checkpoint(
            Schema((Attribute("redness", 2), Attribute("lines", 3), Attribute("shine", 5))), tmp_path / "other.ckpt"
        )
        out = tmp_path / "out"
        options = ["--evaluate", "--skin", "--sample", 0, "--side", "val", "--against", other]
        assert explain(run.root, *options, "--out", out) == 0
        means = pd.read_csv(out / "explanation.csv")
        assert set(zip(means["model"], means["head"], strict=True)) == {
            (model, head) for model in ("first", "other") for head in ("shine", "lines")
        }
        uniform = means[means["method"] == "uniform"].groupby(["head", "measure"])
        assert (uniform["value"].nunique() == 1).all()  # equal for both models, so heads and photos are the same
        differences = pd.read_csv(out / "explanation_differences.csv").set_index("head")
        values = means[means["method"] == "cam"].set_index(["model", "head"])["value"]
        for head in ("shine", "lines"):
            ahead = values["first", head] - values["other", head]
            assert differences.loc[head, "value"] == pytest.approx(ahead, abs=1e-5)
        page = (out / "explanation.html").read_text()
        assert "first or other: whose maps are better?" in page

    def test_only_the_requested_heads_are_measured(self, run, tmp_path):
        options = ["--evaluate", "--sample", 2, "--side", "val", "--heads", "lines"]
        assert explain(run.root, *options, "--out", tmp_path / "out") == 0
        assert set(pd.read_csv(tmp_path / "out" / "explanation.csv")["head"]) == {"lines"}

    def test_a_mask_shared_with_a_photo_on_another_side_is_an_error(self, run, photos, graded_folder, tmp_path, capsys):
        root, split = tmp_path / "drawn", pd.read_csv(run.split)
        shutil.copytree(graded_folder, root)
        (root / "other").mkdir()
        [test, train] = (split.loc[split["split"] == side, "image"].iloc[0] for side in ("test", "train"))
        moved = f"other/{Path(test).name}"  # the training photo, under the name of the test photo
        (root / train).rename(root / moved)
        table = pd.read_csv(root / "labels.csv", dtype=str, keep_default_na=False)
        table.replace({"image": {train: moved}}).to_csv(root / "labels.csv", index=False)
        own = RunFolder(shutil.copytree(run.root, tmp_path / "own"))
        split.replace({"image": {train: moved}}).to_csv(own.split, index=False)
        (root / "masks").mkdir()
        Image.new("L", (WIDTH, HEIGHT)).save(root / "masks" / f"{Path(test).stem}-shine.png")
        message = failure(capsys, own.root, "--evaluate", "--root", root, "--out", tmp_path / "out")
        assert "would share this mask" in message

    def test_it_needs_a_run(self, run, tmp_path, capsys):
        assert "--evaluate: needs the run folder" in failure(capsys, run.best, "--evaluate", "--out", tmp_path / "out")


class TestDrawnPhotos:
    @pytest.fixture
    def drawn(self, run, write_settings, tmp_path):
        """A run whose photos were drawn and no longer exist."""
        own = RunFolder(shutil.copytree(run.root, tmp_path / "own"))
        write_settings(own.root, data={"root": str(tmp_path / "gone"), "render": {"size": 96}})
        return own

    @pytest.mark.parametrize("options", [["--evaluate", "--sample", 0], ["--worst", 1]])
    def test_they_are_drawn_again(self, drawn, graded_folder, tmp_path, monkeypatch, capsys, options):
        asked = []
        monkeypatch.setattr(
            "multiskin.data.render.cache.rendered", lambda render, *_: asked.append(render.size) or graded_folder
        )
        assert explain(drawn.root, *options, "--side", "val", "--out", tmp_path / "out") == 0
        assert asked == [96]
        assert f"{tmp_path / 'gone'}, no longer exist, and newly drawn ones differ" in capsys.readouterr().err

    def test_they_are_not_drawn_if_another_folder_is_named_or_nothing_can_be_written(
        self, drawn, graded_folder, tmp_path, monkeypatch, capsys
    ):
        monkeypatch.setattr("multiskin.data.render.cache.rendered", lambda *_: pytest.fail("drawn"))
        options = ["--worst", 1, "--side", "val"]
        assert explain(drawn.root, *options, "--root", graded_folder, "--out", tmp_path / "out") == 0
        assert "there is something already" in failure(capsys, drawn.root, *options, "--out", tmp_path / "out")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--heads", "shin"], "--heads: unknown attribute 'shin': did you mean 'shine'"),
        (["--of", "p4"], "'lines'"),  # shine has a grade 4, lines has none
        (["--scale", "own"], "--scale: unknown value 'own'"),
        (["--side", "train"], "--side: unknown value 'train'"),
        (["--against", "nowhere.ckpt"], "nowhere.ckpt"),
        (["--out", "."], "--out .: there is something already"),
    ],
)
def test_mistakes_get_one_message(run, files, tmp_path, capsys, monkeypatch, options, words):
    monkeypatch.chdir(tmp_path)
    assert words in failure(capsys, run.root, files[0], "--out", "out", *options)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--evaluate", "--of=>1", "--signed"], "--of needs photos or --worst N, --signed needs photos or --worst N;"),
        (["--evaluate", "--scale", "each"], "--scale needs photos or --worst N;"),
        (["--evaluate", "--column", "file"], "--column needs photos;"),
        (["photo.png", "--side", "val"], "--side needs --worst N or --evaluate;"),
        (["photo.png", "--root", "photos"], "--root needs --worst N or --evaluate;"),
        (["photo.png", "--worst", 1, "--sample", 3], "--sample needs --evaluate;"),
    ],
)
def test_options_without_effect_are_refused(run, tmp_path, capsys, options, words):
    assert words in failure(capsys, run.root, *options, "--out", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_without_a_photo_there_is_nothing_to_explain(run, tmp_path, capsys):
    assert "nothing to explain" in failure(capsys, run.root, "--out", tmp_path / "out")
