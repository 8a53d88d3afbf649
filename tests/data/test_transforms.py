"""Every transform takes every photo, explains errors in its options, and is random by its seed alone."""

import json
import random
import subprocess
import sys
from collections import Counter

import numpy as np
import pytest
import torch
import yaml

from multiskin.data.transforms import (
    DEFAULTS,
    DETERMINISTIC,
    Preprocessing,
    evaluation_transform,
    training_transform,
)
from multiskin.errors import UserError

S = 24
PLAIN = Preprocessing(S, mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0))  # then pixels stay on the scale 0..1
RANDOM = [name for name in DEFAULTS if name not in DETERMINISTIC]
WHERE = "heads.x.augment"


def photo(height, width, seed=0):
    """Noise in the middle of the range, so that nothing that is added to it is clipped."""
    return np.random.default_rng(seed).integers(80, 170, (height, width, 3), dtype=np.uint8)


def augment(*steps, preprocessing=PLAIN):
    return training_transform(steps, preprocessing, WHERE)


def always(name, **options):
    return {name: {"p": 1.0} | options}


@pytest.mark.parametrize("name", DEFAULTS)
@pytest.mark.parametrize("shape", [(1, 1), (3, 200), (200, 3), (40, 31), (S, S)])
def test_every_transform_takes_every_shape(name, shape):
    transform = augment(always(name))
    for seed in range(3):
        image = transform(photo(*shape), seed)
        assert image.shape == (3, S, S)
        assert image.dtype == torch.float32
        assert image.is_contiguous()
        assert image.isfinite().all()


@pytest.mark.parametrize("name", RANDOM)
def test_the_seed_decides_the_picture(name):
    transform, again = augment(name), augment(name)
    pictures = [transform(photo(40, 31), seed) for seed in range(12)]
    assert all(torch.equal(picture, again(photo(40, 31), seed)) for seed, picture in enumerate(pictures))
    assert len({picture.numpy().tobytes() for picture in pictures}) > 1


@pytest.mark.parametrize("name", DETERMINISTIC)
def test_what_is_not_random_gives_one_picture(name):
    transform = augment(name)
    assert torch.equal(transform(photo(40, 31), 1), transform(photo(40, 31), 2))


def test_nothing_but_the_seed_decides():
    transform = augment(*RANDOM)
    expected = transform(photo(40, 31), 5)
    for disturbance in range(3):
        random.seed(disturbance)
        np.random.seed(disturbance)
        torch.manual_seed(disturbance)
        transform(photo(50, 20), 100 + disturbance)
        assert torch.equal(transform(photo(40, 31), 5), expected)
    assert not torch.equal(transform(photo(40, 31), 6), expected)


def test_steps_of_one_recipe_happen_independently():
    """Steps that share a seed but not a stream of random numbers would all be applied together or not at all."""
    corner = np.zeros((S, S, 3), np.uint8)
    corner[0, 0] = 255
    transform = augment("HorizontalFlip", "VerticalFlip")
    places = Counter(tuple(transform(corner, seed)[0].nonzero()[0].tolist()) for seed in range(200))
    assert set(places) == {(0, 0), (0, S - 1), (S - 1, 0), (S - 1, S - 1)}
    assert min(places.values()) > 25


def test_steps_happen_in_order():
    image = np.full((S, S, 3), 255, np.uint8)
    image[S // 2 - 4 : S // 2 + 4, S // 2 - 4 : S // 2 + 4] = 0
    halve, cut = {"Resize": {"size": S // 2}}, {"CenterCrop": {"size": 8}}
    assert augment(cut, halve)(image, 0).mean() == 0
    assert augment(halve, cut)(image, 0).mean() == pytest.approx(0.75, abs=0.05)  # 4 x 4 pixels of 8 x 8


def test_without_steps_a_photo_is_only_resized_and_normalised():
    preprocessing = Preprocessing(S, mean=(0.1, 0.2, 0.3), std=(0.5, 0.25, 0.125))
    red_green_blue = np.tile(np.array([51, 102, 204], np.uint8), (7, 90, 1))
    image = training_transform([], preprocessing, WHERE)(red_green_blue, 0)
    expected = [(0.2 - 0.1) / 0.5, (0.4 - 0.2) / 0.25, (0.8 - 0.3) / 0.125]
    torch.testing.assert_close(image, torch.tensor(expected).view(3, 1, 1).expand(3, S, S), atol=1e-5, rtol=1e-5)


def test_a_photo_is_made_smaller_by_the_mean_of_areas():
    image = photo(3 * S, 2 * S)
    means = image.reshape(S, 3, S, 2, 3).mean(axis=(1, 3)).transpose(2, 0, 1) / 255
    np.testing.assert_allclose(augment("Resize")(image, 0), means, atol=0.51 / 255)


def differences(step, seeds=range(10)):
    """The change of each pixel (3, S, S) by a step, on the scale 0..255."""
    image = photo(S, S)
    plain = augment()(image, 0)
    return [255 * (augment(step)(image, seed) - plain) for seed in seeds]


def test_brightness_leaves_contrast_alone():
    steps = differences(always("RandomBrightness"))
    assert all(step.max() - step.min() <= 1.001 for step in steps)  # but for rounding, the same everywhere
    assert max(step.mean() for step in steps) > 10
    assert min(step.mean() for step in steps) < -10
    both = differences(always("RandomBrightnessContrast"))
    assert max(step.max() - step.min() for step in both) > 5


FRAMING = {
    "CenterCrop": {"size": 60},
    "RandomCrop": {"size": 60},
    "OpticalDistortion": {"distort_limit": [0.4, 0.5]},
    "Rotate": {"limit": [30, 40]},
    "Affine": {"scale": [0.5, 0.6]},
}


@pytest.mark.parametrize("name", FRAMING)
def test_no_black_frame_is_added(name):
    transform = augment(always(name, **FRAMING[name]))
    grey = np.full((20, 90, 3), 200, np.uint8)
    for seed in range(3):
        assert (255 * transform(grey, seed) - 200).abs().max() < 1.5


@pytest.mark.parametrize(("size", "side"), [(8, (8, 8)), ([6, 12], (6, 12)), (None, (S, S))])
def test_a_crop_has_the_size_that_is_asked_for(size, side):
    image = np.zeros((64, 64, 3), np.uint8)
    top, left = (64 - side[0]) // 2, (64 - side[1]) // 2
    image[top : top + side[0], left : left + side[1]] = 255
    step = {"CenterCrop": {"size": size}} if size else "CenterCrop"
    assert (augment(step)(image, 0) == 1).all()
    larger = {"CenterCrop": {"size": [side[0] + 2, side[1] + 2]}}
    assert (augment(larger)(image, 0)[:, 0] < 0.9).all()


def test_a_random_crop_is_a_part_of_the_photo():
    gradient = np.broadcast_to(np.arange(100, dtype=np.uint8)[:, None, None], (100, 100, 3)).copy()
    tops = set()
    for seed in range(10):
        rows = (255 * augment("RandomCrop")(gradient, seed)[0, :, 0]).round().to(int).tolist()
        assert rows == list(range(rows[0], rows[0] + S))
        tops.add(rows[0])
    assert len(tops) > 3


# What is wrong with a step


@pytest.mark.parametrize(
    ("step", "said"),
    [
        ("HorizontalFlipp", "unknown transform 'HorizontalFlipp': did you mean 'HorizontalFlip'?"),
        ("GaussianBlur", "unknown transform 'GaussianBlur': choose one of Resize, "),
        ({"Blurr": {"size": 3}}, "unknown transform 'Blurr'"),
        ({"RGBShift": {"r_shift": 3}}, "RGBShift: unknown option 'r_shift': did you mean 'r_shift_limit'?"),
        ({"HorizontalFlip": {"size": 3}}, "HorizontalFlip: unknown option 'size': choose one of p"),
        ({"Resize": {"height": 3, "width": 3}}, "Resize: unknown option 'height': choose one of size, "),
        ({"RandomResizedCrop": {"height": 3}}, "RandomResizedCrop: unknown option 'height': choose one of size, scale"),
        ({"RandomBrightness": {"contrast_limit": 0.5}}, "RandomBrightness: unknown option 'contrast_limit'"),
        ({"CenterCrop": {"pad_if_needed": False}}, "CenterCrop: unknown option 'pad_if_needed'"),
        ({"HorizontalFlip": {"p": 2}}, "HorizontalFlip: p Input should be less than or equal to 1"),
        ({"HorizontalFlip": {"p": "often"}}, "HorizontalFlip: p Input should be a valid number"),
        ({"RandomResizedCrop": {"scale": [2, 3]}}, "RandomResizedCrop: scale "),
        ({"ISONoise": {"intensity": [0.5, 0.1]}}, "ISONoise: intensity "),
        ({"Resize": {"interpolation": "best"}}, "Resize: interpolation Input should be 0"),
        *(
            (
                {"RandomCrop": {"size": size}},
                f"RandomCrop: size is {size!r}; give pixels, one number or [height, width]",
            )
            for size in [0, -5, 2.5, True, None, "ab", [], [3], [3, 4, 5], [3, 0], [3, 2.0]]
        ),
        ({"HorizontalFlip": {}, "VerticalFlip": {}}, "is not a transform; give a name, or a name with options"),
        ({"HorizontalFlip": 0.5}, "{'HorizontalFlip': 0.5} is not a transform"),
        ({}, "{} is not a transform"),
        (["HorizontalFlip"], "['HorizontalFlip'] is not a transform"),
        (None, "None is not a transform"),
    ],
)
def test_a_step_that_cannot_be_followed_is_named(step, said):
    with pytest.raises(UserError) as caught:
        augment("Resize", step)
    message = str(caught.value)
    assert message.startswith(f"{WHERE}: ")
    assert said in message
    assert "\n" not in message
    assert "pydantic" not in message


@pytest.mark.parametrize(
    ("step", "told"),
    [
        ({"OpticalDistortion": {"distort_limit": float("inf")}}, "OpticalDistortion: distort_limit is inf"),
        ({"OpticalDistortion": {"distort_limit": "inf"}}, "OpticalDistortion: distort_limit is inf"),
        ({"OpticalDistortion": {"distort_limit": 1e30}}, r"OpticalDistortion: distort_limit is 1e\+30"),
        ({"Affine": {"scale": [0.5, "inf"]}}, r"Affine: scale is \[0.5, 'inf'\]"),
        ({"Affine": {"scale": {"x": [0.5, float("inf")]}}}, r"Affine: scale is {'x': \[0.5, inf\]}"),
        ({"Rotate": {"limit": "inf"}}, "Rotate: limit is inf"),
        ({"RandomResizedCrop": {"ratio": [0.5, "inf"]}}, r"RandomResizedCrop: ratio is \[0.5, 'inf'\]"),
        ({"ISONoise": {"intensity": [0.1, "inf"]}}, r"ISONoise: intensity is \[0.1, 'inf'\]"),
        ({"RandomBrightness": {"brightness_limit": "inf"}}, "RandomBrightness: brightness_limit is inf"),
    ],
)
def test_infinite_and_huge_options_are_refused(step, told):
    with pytest.raises(UserError, match=f"{told}; give numbers up to 1,000,000"):
        training_transform([step], Preprocessing(S, (0.5,) * 3, (0.5,) * 3), "recipe.augment")


def test_options_may_be_left_blank():
    assert torch.equal(augment({"VerticalFlip": None})(photo(9, 9), 3), augment("VerticalFlip")(photo(9, 9), 3))


# Validation, test and prediction


@pytest.mark.parametrize("name", RANDOM)
def test_nothing_random_happens_outside_training(name):
    with pytest.raises(UserError, match=rf"^data\.transform .*unknown transform '{name}': .*Resize, CenterCrop"):
        evaluation_transform(Preprocessing(S, (0.0,) * 3, (1.0,) * 3, ("Resize", {name: {}})))


def test_evaluation_follows_its_steps():
    preprocessing = Preprocessing(S, (0.0,) * 3, (1.0,) * 3, ({"Resize": {"size": 40}}, "CenterCrop"))
    expected = augment({"Resize": {"size": 40}}, "CenterCrop")(photo(90, 70), 0)
    assert torch.equal(evaluation_transform(preprocessing)(photo(90, 70), 0), expected)
    assert not torch.equal(evaluation_transform(PLAIN)(photo(90, 70), 0), expected)


def test_a_mistake_in_the_evaluation_is_one_of_the_data():
    with pytest.raises(UserError, match=r"^data\.transform: CenterCrop: size is 0"):
        evaluation_transform(Preprocessing(S, (0.0,) * 3, (1.0,) * 3, ({"CenterCrop": {"size": 0}},)))


@pytest.mark.parametrize("steps", [("Resize",), ({"Resize": {"size": [300, 200]}}, "CenterCrop"), ()])
def test_preprocessing_survives_yaml_and_json(steps):
    preprocessing = Preprocessing(S, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225), steps)
    content = preprocessing.to_dict()
    assert Preprocessing.from_dict(yaml.safe_load(yaml.safe_dump(content))) == preprocessing
    assert Preprocessing.from_dict(json.loads(json.dumps(content))) == preprocessing


@pytest.mark.slow
def test_the_import_asks_nobody_for_a_newer_version():
    program = """
import os, socket
os.environ.pop("NO_ALBUMENTATIONS_UPDATE", None)
def refuse(*_, **__):
    print("asked")
    raise OSError
socket.create_connection = socket.getaddrinfo = refuse
import multiskin.data.transforms
print(os.environ["NO_ALBUMENTATIONS_UPDATE"])
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["1"]


def test_nothing_is_left_to_chance_outside_training():
    with pytest.raises(UserError, match=r"p is 0\.5; leave it out"):
        evaluation_transform(Preprocessing(S, (0.5,) * 3, (0.5,) * 3, ({"Resize": {"p": 0.5}},)))
