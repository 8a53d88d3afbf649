"""Pixels are the ones that the network was trained on, to the last bit."""

from pathlib import Path

import numpy as np
import pytest

from multiskin.config import SkinConfig
from multiskin.data.transforms import Preprocessing, evaluation_transform
from multiskin.errors import UserError
from multiskin.portable.pixels import Pixels

MEAN, STD = (0.5, 0.4, 0.3), (0.2, 0.3, 0.4)
STEPS = [
    ("Resize",),
    ({"Resize": {"size": 40}},),
    ({"Resize": {"size": [30, 50], "interpolation": 1}}, {"CenterCrop": {"size": 24}}),
    ("CenterCrop",),
    ({"CenterCrop": {"size": [90, 33]}},),
    ({"CenterCrop": {"size": 200, "border_mode": 1}},),
    (),
]


@pytest.mark.parametrize("steps", STEPS, ids=str)
@pytest.mark.parametrize("shape", [(32, 32), (31, 33), (75, 50), (20, 200), (1, 1)], ids=str)
def test_they_are_those_of_the_evaluation_transform(steps: tuple, shape: tuple[int, int]) -> None:
    preprocessing = Preprocessing(32, MEAN, STD, steps)
    photo = np.random.default_rng(0).integers(0, 256, (*shape, 3), dtype=np.uint8)
    image = evaluation_transform(preprocessing)(photo, seed=0).numpy().transpose(1, 2, 0)  # (32, 32, 3)
    expected = np.rint((image * STD + MEAN) * 255).astype(int)
    assert (Pixels(preprocessing)(photo) == expected).all()


@pytest.mark.parametrize(
    ("step", "words"),
    [
        ("HorizontalFlip", "unknown transform 'HorizontalFlip'"),
        ({"CenterCrop": {"size": 24, "pad_position": "top_left"}}, "pad_position 'top_left' is not available"),
        ({"Resize": {"size": 0}}, "size 0"),
        ({"Resize": {"size": 10**9}}, "size 1000000000"),
    ],
)
def test_what_it_cannot_do_is_refused_before_the_first_photo(step: object, words: str) -> None:
    with pytest.raises(UserError, match=words):
        Pixels(Preprocessing(32, MEAN, STD, (step,)))


def test_faces_are_looked_for_with_yunet_alone(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="MTCNN, which needs torch"):
        Pixels(Preprocessing(32, MEAN, STD, skin=SkinConfig(crop=True)))
    gone = Pixels(Preprocessing(32, MEAN, STD, skin=SkinConfig(crop=True, detector=str(tmp_path / "gone.onnx"))))
    with pytest.raises(UserError, match="no such file"):
        gone.check()
