"""The configs that come with the project are valid, and their final maps are fine enough for explanations."""

from pathlib import Path

import pytest
import torch
import yaml

from multiskin.cli import main
from multiskin.config import ModelConfig, Recipe, head_recipes
from multiskin.data.transforms import Preprocessing, evaluation_transform, training_transform
from multiskin.losses import create_loss
from multiskin.models.backbone import create_backbone
from multiskin.resampling import RESAMPLES
from multiskin.schema import LANGUAGES, Schema

ROOT = Path(__file__).parent.parent
CONFIGS = [*sorted((ROOT / "configs").glob("*.yaml")), ROOT / "multiskin" / "embedded" / "config.yaml"]
SCHEMAS = [*sorted((ROOT / "configs" / "schemas").glob("*.yaml")), ROOT / "multiskin" / "embedded" / "schema.yaml"]
FINEST = 7  # the final map has to be at least 7 x 7


@pytest.fixture(params=CONFIGS, ids=lambda path: path.stem)
def settings(request, monkeypatch):
    """A config's content, and its schema, after the command line has checked both."""
    kept = {}

    def keep(config, schema, progress=None):
        kept.update(config=config, schema=schema)
        raise KeyboardInterrupt

    monkeypatch.setattr("multiskin.data.photos.load_photos", keep)
    monkeypatch.setattr("multiskin.data.render.faces.load_faces", lambda folder: [])
    monkeypatch.setattr("multiskin.data.render.cache.rendered", lambda *_: Path("drawn"))
    content = yaml.safe_load(request.param.read_text())
    monkeypatch.chdir(request.param.parent.parent)
    assert main(["data", "check", "--config", str(request.param)]) == 130
    return content, kept["schema"]


def test_there_are_configs():
    assert {path.stem for path in CONFIGS} >= {"isic_abc", "skin5", "config"}


def test_every_recipe_is_valid(settings):
    content, schema = settings
    config = type("Config", (), {"recipe": Recipe(**content.get("recipe", {})), "heads": content.get("heads", {})})
    preprocessing = Preprocessing(content["model"]["input_size"], (0.5,) * 3, (0.5,) * 3)
    evaluation_transform(preprocessing)
    for attribute, recipe in zip(schema, head_recipes(config, schema.names), strict=True):
        assert recipe.resample in RESAMPLES
        create_loss(recipe.loss, attribute, [1] * attribute.grades, **recipe.loss_options)
        training_transform(recipe.augment, preprocessing, attribute.name)


def on_meta_device(model, photos=1):
    """A config's backbone with its final map and features, on torch's meta device, which allocates no memory."""
    with torch.device("meta"), torch.no_grad():
        backbone = create_backbone(model).eval()
        return backbone, *backbone(torch.zeros(photos, 3, model.input_size, model.input_size))


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_the_final_map_is_fine_enough_for_explanations(path):
    _, maps, _ = on_meta_device(ModelConfig(**yaml.safe_load(path.read_text())["model"]))
    assert min(maps.shape[2:]) >= FINEST


@pytest.mark.parametrize("name", ["resnet152", "vgg16"])
def test_other_backbones_of_the_readme_are_available_by_name(name):
    model = ModelConfig(name, "none", 224)
    backbone, maps, features = on_meta_device(model, photos=2)
    assert min(maps.shape[2:]) >= FINEST
    assert features.shape == (2, backbone.num_features)


def test_photos_for_xception_are_normalized_as_its_weights_need():
    backbone, *_ = on_meta_device(ModelConfig("legacy_xception", "none", 224))
    assert tuple(backbone.mean) == tuple(backbone.std) == (0.5,) * 3


@pytest.mark.parametrize("path", SCHEMAS, ids=lambda path: path.stem)
def test_every_schema_has_texts_in_both_languages(path):
    for attribute in Schema.load(path):
        ends = (attribute.lowest, attribute.highest) if attribute.ordinal else ()
        for words in (attribute.display, *ends):
            assert set(words) == set(LANGUAGES)
