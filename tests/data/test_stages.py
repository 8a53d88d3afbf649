"""Every stage of loading is timed, for each distinct recipe; a cache saves those before the first random step."""

from dataclasses import replace

import pytest

from multiskin.config import Recipe, SkinConfig
from multiskin.data.datamodule import SkinDataModule
from multiskin.data.stages import photo_stages, photos_a_second
from multiskin.data.transforms import Preprocessing

RECIPES = [Recipe(augment=["Resize", "ISONoise"]), Recipe(augment=["RandomResizedCrop"])]
AFTER = ["collate", "sampler"]


@pytest.fixture
def create(photos, data_config):
    def build(recipes, skin=None, **options):
        preprocessing = Preprocessing(16, (0.5,) * 3, (0.5,) * 3, skin=skin or SkinConfig())
        config = replace(data_config, draws_per_epoch=8, **options)
        data = SkinDataModule(photos.side("train"), photos.side("val"), recipes, preprocessing, config, seed=0)
        data.setup("fit")
        return data

    return build


def names_of(stages):
    return [stage.name for stage in stages]


def test_recipes_that_differ_have_stages_of_their_own(create):
    stages = photo_stages(create(RECIPES), range(3))
    assert names_of(stages) == [
        *("shine: read", "shine: decode", "shine: Resize", "shine: ISONoise", "shine: Resize", "shine: Normalize"),
        *("lines: read", "lines: decode", "lines: RandomResizedCrop", "lines: Resize", "lines: Normalize"),
        *AFTER,
    ]
    assert all(stage.seconds > 0 for stage in stages)
    assert not any(stage.once for stage in stages)


def test_a_recipe_of_all_heads_has_no_name(create):
    stages = photo_stages(create([RECIPES[1]] * 2), range(3))
    assert names_of(stages) == ["read", "decode", "RandomResizedCrop", "Resize", "Normalize", *AFTER]


def test_the_cache_spares_what_precedes_chance(create):
    stages = photo_stages(create([RECIPES[0]] * 2, cache="memory"), range(3))
    assert [(stage.name, stage.once) for stage in stages] == [
        *(("read", True), ("decode", True), ("Resize", True)),
        *(("take from the cache", False), ("ISONoise", False), ("Resize", False), ("Normalize", False)),
        *((name, False) for name in AFTER),
    ]


def test_the_face_is_a_stage_where_it_is_cut_out(create):
    assert "face" in names_of(photo_stages(create([RECIPES[0]] * 2, skin=SkinConfig(crop=True)), range(1)))


def test_the_loader_gives_some_photos_a_second(create):
    assert photos_a_second(create(RECIPES)) > 1
