"""The loaders of a run, with or without a Trainer, draw what the recipes ask for and validate each photo once."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from multiskin.config import Recipe
from multiskin.data.datamodule import SkinDataModule
from multiskin.data.sampling import Mixture, MixtureSampler, effective_sample_size
from multiskin.data.transforms import Preprocessing
from multiskin.errors import UserError
from multiskin.schema import MISSING

S = 16
PREPROCESSING = Preprocessing(S, mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))
BALANCED = [Recipe(resample="balanced"), Recipe(resample="balanced", share=2.0)]


@pytest.fixture
def create(photos, data_config):
    """A data module, optionally with the rank and number of ranks that a Trainer would set."""

    def build(recipes=BALANCED, seed=0, rank=None, ranks=1, train=None, **options):
        config = replace(data_config, **options)
        train = photos.side("train") if train is None else train
        data = SkinDataModule(train, photos.side("val"), recipes, PREPROCESSING, config, seed)
        if rank is not None:
            data.trainer = SimpleNamespace(global_rank=rank, world_size=ranks)
        return data

    return build


def rows_of(loader):
    return [row for batch in loader for row in batch["row"].tolist()]


def test_training_batches_follow_the_mixture(create, photos):
    train = photos.side("train")
    data = create(draws_per_epoch=40)
    loader = data.train_dataloader()
    batches = list(loader)
    assert len(loader) == len(batches) == 10
    assert all(batch["image"].shape == (4, 3, S, S) for batch in batches)
    mixture = Mixture.of(train.grades, train.schema, BALANCED)
    rows = rows_of(batches)
    assert rows == [draw.row for draw in MixtureSampler(mixture, 40, seed=0)]
    weight = torch.cat([batch["weight"] for batch in batches]).numpy()
    np.testing.assert_array_equal(weight, mixture.weights[rows].astype(np.float32))


def test_the_seed_and_the_epoch_decide_what_is_drawn(create):
    def draws(seed, epoch):
        loader = create(seed=seed).train_dataloader()
        loader.sampler.set_epoch(epoch)
        return rows_of(loader)

    assert draws(0, 0) == draws(0, 0)
    assert draws(0, 0) != draws(0, 1)
    assert draws(0, 0) != draws(1, 0)


def test_an_epoch_is_as_long_as_there_are_graded_photos(create, photos):
    train = photos.side("train")
    ungraded = train.select(np.arange(len(train)))
    ungraded.grades[3] = MISSING
    data = create(train=ungraded)
    rows = rows_of(data.train_dataloader())
    assert len(rows) == sum(any(grade != MISSING for grade in row) for row in ungraded.grades) < len(train)
    assert 3 not in rows


def test_validation_takes_every_photo_once_in_order(create, photos):
    val = photos.side("val")
    batches = list(create().val_dataloader())
    assert rows_of(batches) == list(range(len(val)))
    assert torch.cat([batch["grades"] for batch in batches]).tolist() == val.grades.tolist()


def test_ranks_draw_as_many_each_and_together_what_one_would(create):
    parts = [rows_of(create(rank=rank, ranks=3, draws_per_epoch=25).train_dataloader()) for rank in range(3)]
    assert [len(part) for part in parts] == [9, 9, 9]
    assert [row for turn in zip(*parts, strict=True) for row in turn] == rows_of(
        create(draws_per_epoch=27).train_dataloader()
    )


def test_ranks_judge_every_photo_once_together(create, photos):
    parts = [rows_of(create(rank=rank, ranks=3).val_dataloader()) for rank in range(3)]
    assert sorted(row for part in parts for row in part) == list(range(len(photos.side("val"))))


@pytest.mark.parametrize("ranks", [1, 3])
def test_statistics_are_those_of_the_epochs_draws(create, photos, ranks):
    train = photos.side("train")
    statistics = create(rank=0, ranks=ranks, draws_per_epoch=30).sampling_statistics(epoch=2)
    mixture = Mixture.of(train.grades, train.schema, BALANCED)
    sampler = MixtureSampler(mixture, 30, seed=0)
    sampler.set_epoch(2)
    rows = [draw.row for draw in sampler]
    effective = effective_sample_size(mixture.weights[rows])
    expected = {}
    for h, name in enumerate(train.schema.names):
        expected[f"sampling/{name}/effective"] = effective[h]
        expected[f"sampling/{name}/distinct"] = len({row for row in rows if train.grades[row, h] != MISSING})
    assert statistics == pytest.approx(expected)


def test_photos_are_named_as_in_the_table(create, photos, manifest):
    train = photos.side("train")
    table_row = manifest.paths.tolist().index(train.paths[2]) + 2  # below the headings
    described = create().training_photos.manifest.describe([2, 0])
    assert described == f"row {table_row} {train.paths[2]}, row {train.rows[0]} {train.paths[0]}"


def test_each_head_has_a_transform_of_its_own(create):
    """One head's photos are always dark, the other's are always light."""
    recipes = [
        Recipe(augment=[{"RandomBrightness": {"p": 1.0, "brightness_limit": [limit, limit]}}]) for limit in (-0.9, 0.9)
    ]
    data = create(recipes)
    loader = data.train_dataloader()
    drew = [draw.head for draw in loader.sampler]
    light = torch.cat([batch["image"].mean(dim=(1, 2, 3)) for batch in loader])
    assert (light > 0).int().tolist() == drew
    assert set(drew) == {0, 1}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"recipes": [Recipe(), Recipe(augment=["Blur"])]}, r"^heads\.lines\.augment: unknown transform 'Blur'"),
        ({"recipes": [Recipe(resample="balance"), Recipe()]}, r"^heads\.shine\.resample: unknown resampling 'balance'"),
        ({"recipes": [Recipe(), Recipe(share=0)]}, r"^heads\.lines\.share: 0 is not a positive number"),
    ],
)
def test_settings_that_cannot_be_followed_are_named(changes, said, create):
    with pytest.raises(UserError, match=said):
        create(**changes)
