"""Caching changes no batch; where pictures are cached follows from the config and the space available."""

import re
from dataclasses import replace

import pytest
import torch

from multiskin.config import Recipe
from multiskin.data import cache, cache_disk, cache_memory
from multiskin.data.cache import cache_pictures, expected_bytes
from multiskin.data.cache_disk import DiskStore
from multiskin.data.cache_memory import MemoryStore
from multiskin.data.datamodule import SkinDataModule
from multiskin.data.pictures import CachedPictures, FreshPictures
from multiskin.data.transforms import Preprocessing, training_transform

S = 16
PREPROCESSING = Preprocessing(S, (0.5,) * 3, (0.5,) * 3)
RECIPES = [Recipe(augment=["Resize", "ISONoise", "HorizontalFlip"]), Recipe(augment=["RandomResizedCrop"])]
PLACES = ["memory", "disk", "auto"]


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    monkeypatch.setenv(cache_disk.VARIABLE, str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def create(photos, data_config):
    def build(recipes=RECIPES, **options):
        config = replace(data_config, **options)
        data = SkinDataModule(photos.side("train"), photos.side("val"), recipes, PREPROCESSING, config, seed=0)
        data.setup("fit")
        return data

    return build


@pytest.fixture
def fresh(manifest):
    """The pictures of the whole table after a recipe's deterministic steps."""

    def build(*steps, reduced=False):
        return FreshPictures(manifest, training_transform(steps, PREPROCESSING, "here"), reduced)

    return build


def images_of(data, epochs=2):
    loaders = [data.train_dataloader(), data.val_dataloader()]
    found = []
    for epoch in range(epochs):
        loaders[0].sampler.set_epoch(epoch)
        found += [batch["image"] for loader in loaders for batch in loader]
    return torch.cat(found)


def places_of(pictures):
    return [type(each.store) if isinstance(each, CachedPictures) else None for each in pictures]


@pytest.mark.parametrize("kind", PLACES)
def test_no_batch_is_changed(kind, create):
    expected = images_of(create())
    assert torch.equal(images_of(create(cache=kind)), expected)
    assert torch.equal(images_of(create(cache=kind)), expected)  # on disk, with pictures of another run


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
@pytest.mark.parametrize("kind", ["memory", "disk"])
def test_what_workers_have_kept_all_find(kind, create):
    data = create(cache=kind, num_workers=2)
    assert torch.equal(images_of(data, epochs=1), images_of(create(), epochs=1))
    validation = data.validation_photos
    assert all(validation.pictures.store.get(row) is not None for row in range(len(validation)))


def test_a_second_trainer_finds_what_the_first_one_kept(create):
    data = create(cache="memory")
    before = [*data.training_photos.pictures, data.validation_photos.pictures]
    data.setup("fit")
    after = [*data.training_photos.pictures, data.validation_photos.pictures]
    assert all(a is b for a, b in zip(before, after, strict=True))


def test_without_a_cache_nothing_is_written(create, place):
    data = create()
    images_of(data, epochs=1)
    assert places_of([*data.training_photos.pictures, data.validation_photos.pictures]) == [None] * 3
    assert not place.exists()


def test_nothing_is_written_to_the_disk_for_what_is_kept_in_memory(create, place):
    for kind in ("memory", "auto"):
        data = create(cache=kind)
        images_of(data, epochs=1)
        assert places_of([*data.training_photos.pictures, data.validation_photos.pictures]) == [MemoryStore] * 3
    assert not place.exists()


def test_recipes_that_begin_alike_share_pictures(fresh, data_config):
    config = replace(data_config, cache="memory")
    a, b, c, d = cache_pictures([fresh("Resize"), fresh("Resize", "RGBShift"), fresh("CenterCrop"), fresh()], config)
    assert a is b
    assert a is d  # which ends in that resize, and nothing else
    assert a is not c


def test_reduced_pictures_are_others(fresh, data_config):
    whole, reduced = cache_pictures(
        [fresh("Resize"), fresh("Resize", reduced=True)], replace(data_config, cache="disk")
    )
    assert whole.store.folder != reduced.store.folder


def test_the_pictures_of_tables_with_other_photos_are_others(create):
    data = create([Recipe(augment=[])] * 2, cache="memory")
    training, also = data.training_photos.pictures
    assert training is also
    assert training is not data.validation_photos.pictures


def test_their_size_is_known_before_they_are_read(fresh, manifest):
    assert expected_bytes(fresh("Resize")) == len(manifest) * S * S * 3
    whole = len(manifest) * 40 * 48 * 3  # all photos of that set have this size
    assert whole <= expected_bytes(fresh("RandomResizedCrop")) <= 1.3 * whole


@pytest.mark.parametrize(
    ("kind", "size", "expected"),
    [
        ("memory", "1GB", MemoryStore),
        ("auto", "1GB", MemoryStore),
        ("disk", "1GB", DiskStore),
        ("memory", "5kB", None),
        ("disk", "5kB", None),
        ("auto", "5kB", None),
        ("memory", "0GB", None),
        ("disk", "0GB", None),
    ],
)
def test_what_does_not_fit_is_not_kept_and_that_is_said(kind, size, expected, fresh, data_config, capsys):
    found = cache_pictures([fresh("Resize")], replace(data_config, cache=kind, cache_size=size))
    assert places_of(found) == [expected]
    said = capsys.readouterr().err
    assert (f"data.cache: {kind}: the pictures take about 1.84e-05 GB" in said) == (expected is None)
    assert ("Set data.cache_size to" in said) == (expected is None)


def test_auto_goes_to_the_disk_where_memory_is_too_small(fresh, data_config, monkeypatch):
    monkeypatch.setattr(cache, "memory_bytes", lambda: 1000.0)
    monkeypatch.setattr(cache, "free_bytes", lambda: 1e9)
    assert places_of(cache_pictures([fresh("Resize")], replace(data_config, cache="auto"))) == [DiskStore]
    assert places_of(cache_pictures([fresh("Resize")], replace(data_config, cache="memory"))) == [None]


def test_processes_share_the_memory_out(fresh, data_config):
    config = replace(data_config, cache="memory", cache_size="40kB")
    assert places_of(cache_pictures([fresh("Resize")], config, processes=2)) == [MemoryStore]
    assert places_of(cache_pictures([fresh("Resize")], config, processes=3)) == [None]


@pytest.mark.parametrize("kind", ["memory", "disk", "auto"])
def test_the_size_that_is_suggested_is_enough(kind, fresh, data_config, capsys):
    config = replace(data_config, cache=kind, cache_size="5kB")
    assert places_of(cache_pictures([fresh("Resize")], config, processes=3)) == [None]
    gigabytes = re.search(r"Set data\.cache_size to (\S+) GB", capsys.readouterr().err)[1]
    config = replace(config, cache_size=f"{1e9 * float(gigabytes):.0f}B")
    assert places_of(cache_pictures([fresh("Resize")], config, processes=3)) != [None]


def test_a_system_without_such_memory_has_none(fresh, data_config, monkeypatch):
    monkeypatch.setattr(cache_memory, "available", lambda: False)
    assert places_of(cache_pictures([fresh("Resize")], replace(data_config, cache="memory"))) == [None]


def test_whole_photos_that_do_not_fit_are_told_a_way(fresh, data_config, capsys):
    cache_pictures([fresh("RandomResizedCrop")], replace(data_config, cache="memory", cache_size="5kB"))
    assert "Start recipes with Resize: {size: N}" in capsys.readouterr().err


def test_a_place_that_cannot_be_written_is_said_and_no_error(fresh, data_config, place, monkeypatch, capsys):
    place.write_text("a file where the folder should be")
    found = cache_pictures([fresh("Resize")], replace(data_config, cache="disk"))
    assert places_of(found) == [None]
    assert "no picture is cached" in capsys.readouterr().err
    assert found[0][0].shape == (S, S, 3)
