"""A transform can be cut before its first random step, and a photo can be reduced while decoding."""

import random

import numpy as np
import pytest
import torch
from PIL import Image, ImageFilter

from multiskin.config import SkinConfig
from multiskin.data.images import ORIENTATION, read_image
from multiskin.data.pictures import CachedPictures, FreshPictures
from multiskin.data.transforms import Preprocessing, evaluation_transform, training_transform

S = 24
PREPROCESSING = Preprocessing(S, (0.4, 0.5, 0.6), (0.2, 0.3, 0.4))
BEGINNINGS = [  # the steps of a recipe, how many of them are settled with the last resize, and their size
    ([], 1, (S, S)),
    (["Resize", "ISONoise", "HorizontalFlip"], 1, (S, S)),
    ([{"Resize": {"size": [40, 30]}}, {"CenterCrop": {"size": 20}}, "RGBShift"], 2, (20, 20)),
    (["RandomResizedCrop", "Resize"], 0, None),
    ([{"Resize": {"p": 0.5}}, "HorizontalFlip"], 0, None),
    (["CenterCrop"], 2, (S, S)),
]
TOLERANCE = 3.0  # of 255, on average; photographs are smoother than these


def noise(height=50, width=60):
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


def training(*steps, **options):
    return training_transform(steps, Preprocessing(S, (0.5,) * 3, (0.5,) * 3, **options), "here")


@pytest.mark.parametrize(("steps", "settled", "size"), BEGINNINGS)
def test_both_parts_are_the_whole(steps, settled, size):
    transform = training_transform(steps, PREPROCESSING, "here")
    assert (transform.settled, transform.settled_size()) == (settled, size)
    picture = transform.settle(noise())
    assert picture.dtype == np.uint8
    assert picture.shape[:2] == (size or (50, 60))
    for seed in range(8):
        transform.compose.set_random_state(np.random.default_rng(seed), random.Random(seed))
        whole = torch.from_numpy(transform.compose(image=noise())["image"]).permute(2, 0, 1)
        assert torch.equal(transform.finish(picture.copy(), seed), whole)
        assert torch.equal(transform(noise(), seed), whole)


def test_settings_tell_what_settles_and_nothing_of_what_follows():
    assert training("Resize", "RGBShift").settings() == training("Resize").settings()
    assert training("Resize").settings() != training({"Resize": {"size": 30}}).settings()
    assert training("Resize").settings() != training({"Resize": {"interpolation": 1}}).settings()
    assert training("Resize").settings() != training("Resize", skin=SkinConfig(crop=True)).settings()


def test_a_photo_is_reduced_for_a_resize_alone():
    assert training({"Resize": {"size": [40, 30]}}, "RGBShift").least_size() == (40, 30)
    assert evaluation_transform(PREPROCESSING).least_size() == (S, S)
    assert training("RandomResizedCrop").least_size() is None
    assert training("CenterCrop").least_size() is None
    assert training("Resize", skin=SkinConfig(only=True)).least_size() is None


# Reduced decoding


@pytest.fixture(scope="module", params=[1, 3, 6])
def photo(request, tmp_path_factory):
    """A JPEG of smooth skin with fine pores, 500 x 390 pixels as stored, upright or turned by its EXIF."""
    random_ = np.random.default_rng(1)
    smooth = Image.fromarray(random_.integers(60, 220, (12, 15, 3), dtype=np.uint8)).resize((500, 390))
    pores = Image.fromarray(random_.integers(0, 256, (390, 500, 3), dtype=np.uint8))
    picture = Image.blend(smooth, pores.filter(ImageFilter.GaussianBlur(1)), 0.3)
    exif = Image.Exif()
    exif[ORIENTATION] = request.param
    path = tmp_path_factory.mktemp("reduced") / "photo.jpg"
    picture.save(path, quality=92, exif=exif)
    return path


@pytest.mark.parametrize("size", [(48, 48), (40, 90), (96, 120)])
def test_a_reduced_photo_is_no_smaller_than_asked_and_resized_nearly_the_same(photo, size):
    whole, reduced = read_image(photo), read_image(photo, size)
    assert reduced.shape[0] >= size[0]
    assert reduced.shape[1] >= size[1]
    assert reduced.size < whole.size / 3
    resize = training({"Resize": {"size": list(size)}})
    difference = resize.settle(whole).astype(float) - resize.settle(reduced)
    assert 0 < np.abs(difference).mean() < TOLERANCE


def test_a_photo_less_than_twice_the_size_is_decoded_in_full(photo):
    whole = read_image(photo)
    np.testing.assert_array_equal(read_image(photo, (whole.shape[0] // 2 + 1, 8)), whole)


def test_a_part_and_other_formats_are_decoded_in_full(photo, tmp_path):
    part = f"{photo}#xywh=10,20,200,210"
    np.testing.assert_array_equal(read_image(part, (S, S)), read_image(part))
    Image.fromarray(noise()).save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_image(tmp_path / "a.png", (8, 8)), noise())


def test_pictures_are_reduced_if_so_asked(photo, manifest, monkeypatch):
    monkeypatch.setattr(type(manifest), "path", lambda self, row: photo)
    transform = evaluation_transform(PREPROCESSING)
    expected = [transform.settle(read_image(photo, least)) for least in (None, (S, S))]
    for reduced in (False, True):
        np.testing.assert_array_equal(FreshPictures(manifest, transform, reduced)[0], expected[reduced])


# Keeping


def test_a_kept_picture_is_made_once(manifest):
    class Dictionary(dict):
        put = dict.__setitem__

    transform = evaluation_transform(PREPROCESSING)
    store = Dictionary()
    kept = CachedPictures(FreshPictures(manifest, transform), store)
    expected = transform.settle(read_image(manifest.path(3)))
    np.testing.assert_array_equal(kept[3], expected)
    assert store.keys() == {3}
    store[3] = np.zeros((S, S, 3), np.uint8)
    assert not kept[3].any()
