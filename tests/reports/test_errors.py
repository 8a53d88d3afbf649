"""The page and the table of errors, and the maps beside them, of a run that was never trained."""

from base64 import b64decode
from dataclasses import asdict
from io import BytesIO

import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from PIL import Image

from multiskin.cli import main
from multiskin.config import FitConfig, ModelConfig, Recipe
from multiskin.data.images import read_image
from multiskin.data.transforms import Preprocessing
from multiskin.explain.photos import explain_files
from multiskin.inference.evaluate import evaluate
from multiskin.inference.predictor import Predictor
from multiskin.models.blueprint import Blueprint
from multiskin.reports.errors import error_table, write_errors
from multiskin.reports.example_maps import MapPainter
from multiskin.reports.explained import Look, overlaid
from multiskin.reports.graded import GradedPredictions
from multiskin.run import RunFolder


@pytest.fixture
def run(tmp_path, data_config, schema, photos):
    """With a checkpoint of random weights, and its predictions on validation photos."""
    run = RunFolder(tmp_path / "run")
    run.checkpoints.mkdir(parents=True)
    run.config.write_text(yaml.safe_dump(asdict(FitConfig(data=data_config))))
    schema.save(run.schema)
    photos.save(run.split, run.skipped)
    torch.manual_seed(0)
    model = ModelConfig("test_efficientnet", weights="none", input_size=48)
    blueprint = Blueprint(schema, model, (Recipe(),) * len(schema), tuple((1,) * each.grades for each in schema))
    net = blueprint.build()
    for _, head in net.named_heads():
        torch.nn.init.normal_(head.linear.weight)
    content = {
        "blueprint": blueprint.to_dict(),
        "preprocessing": Preprocessing(48, (0.5,) * 3, (0.2,) * 3).to_dict(),
        "state_dict": {f"net.{key}": value for key, value in net.state_dict().items()},
    }
    torch.save(content, run.best)
    predictor = Predictor.from_checkpoint(run.best, "cpu")
    evaluate(predictor, photos.side("val"), num_workers=0).table().to_csv(run.predictions("val"), index=False)
    return run


def pictures(page):
    sources = [attributes["src"] for tag, attributes in page.tags if tag == "img"]
    return [np.asarray(Image.open(BytesIO(b64decode(source.partition(",")[2])))) for source in sources]


def test_every_error_is_listed_the_worst_first(run, schema):
    table = pd.read_csv(run.predictions("val"))
    errors = error_table(GradedPredictions.load(run.predictions("val"), schema))
    for attribute in schema:
        true, found = table[attribute.true_column], table[attribute.name]
        wrong = table[true.notna() & (true != found)]
        of_head = errors[errors["attribute"] == attribute.name]
        assert sorted(of_head["row"].astype(int)) == sorted(wrong["row"])
        distances = (of_head["true"].astype(int) - of_head["predicted"].astype(int)).abs().tolist()
        assert distances == sorted(distances, reverse=True)
        for error in of_head.itertuples():
            line = table[table["row"] == int(error.row)].iloc[0]
            assert (int(error.true), int(error.predicted)) == (line[attribute.true_column], line[attribute.name])
            assert error.p_true == pytest.approx(line[f"{attribute.name}_p{error.true}"])


def test_the_page_shows_misses_beside_their_maps(run, photos, read_page, graded_folder):
    page = read_page(write_errors(run, "val", graded_folder, examples=2))
    page.assert_alone()
    page.assert_sound()
    page.assert_own_colours()
    errors = pd.read_csv(run.root / "errors-val.csv")
    misses = sum(min(2, count) for count in errors["attribute"].value_counts())
    maps = [attributes["alt"] for tag, attributes in page.tags if tag == "img" and "where" in attributes["alt"]]
    assert len(maps) == misses > 0
    assert f"On {len(photos.side('val'))} validation photos" in page.text
    assert "green to yellow" in page.text


def test_each_side_has_files_of_its_own(run, read_page, graded_folder):
    run.predictions("test").write_bytes(run.predictions("val").read_bytes())
    pages = {side: write_errors(run, side, graded_folder, examples=0) for side in ("test", "val")}
    assert {side: path.name for side, path in pages.items()} == {"test": "errors.html", "val": "errors-val.html"}
    assert "listed in errors.csv," in read_page(pages["test"]).text
    assert "listed in errors-val.csv," in read_page(pages["val"]).text
    assert (run.root / "errors.csv").read_bytes() == (run.root / "errors-val.csv").read_bytes()


def test_a_map_is_that_of_its_photo_and_head(run, schema, photos):
    paths = [photos.manifest.path(index) for index in range(3)]
    paint = MapPainter(run)
    predictor = Predictor.from_checkpoint(run.best, "cpu")
    for attribute in schema:
        expected = [
            overlaid(photo, attribute.name, Look(schema, ["run"])) for photo in explain_files([predictor], paths)
        ]
        for painted, picture in zip(paint(paths, attribute.name), expected, strict=True):
            np.testing.assert_array_equal(painted, picture)
    assert paint([run.root / "gone.png"], schema.names[0]) == [None]


@pytest.mark.parametrize("fault", ["gone", "damaged"])
def test_without_a_checkpoint_the_photos_stand_alone(run, read_page, graded_folder, fault):
    if fault == "gone":
        run.best.unlink()
    else:
        run.best.write_bytes(b"half of it")
    page = read_page(write_errors(run, "val", graded_folder, examples=1))
    assert "green to yellow" not in page.text
    assert "No maps are shown: checkpoint checkpoints/best.ckpt" in page.text
    sides = {max(picture.shape) for picture in pictures(page)}
    assert sides == {min(128, max(read_image(next((graded_folder / "images").iterdir())).shape))}


class TestCommand:
    def test_it_writes_both_files(self, run, capsys):
        assert main(["errors", str(run.root), "--side", "val", "--examples", "1"]) == 0
        assert capsys.readouterr().out.strip() == str(run.root / "errors-val.html")
        assert (run.root / "errors-val.csv").is_file()

    @pytest.mark.parametrize(
        ("options", "words"),
        [
            ([], "no predictions on test photos; run 'multiskin test"),
            (["--side", "train"], "--side: unknown value 'train'"),
        ],
    )
    def test_mistakes_get_one_message(self, run, capsys, options, words):
        assert main(["errors", str(run.root), *options]) == 2
        assert words in capsys.readouterr().err

    def test_damaged_settings_are_named(self, run, capsys):
        run.config.write_text(yaml.safe_dump({"data": 1}))
        assert main(["errors", str(run.root), "--side", "val"]) == 2
        assert "not the settings that 'fit' wrote" in capsys.readouterr().err
