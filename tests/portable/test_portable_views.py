"""The named views are the groups that they are said to be, in NumPy as in torch."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from multiskin.cli import main
from multiskin.errors import UserError
from multiskin.inference import views as of_tensors
from multiskin.portable.predictor import apply_view
from multiskin.portable.views import AS_TAKEN, VIEWS, View, views_of

S = 3
PLACES = np.arange(S * S).reshape(1, S, S, 1)


def moved(pixels: np.ndarray, view: View) -> np.ndarray:
    """Pixel by pixel: (x, y) from the left and the top."""
    found = pixels.copy()
    for y in range(S):
        for x in range(S):
            at_x, at_y = (S - 1 - x, y) if view.mirrored else (x, y)
            for _ in range(view.turns):
                at_x, at_y = at_y, S - 1 - at_x  # a quarter turn counterclockwise takes the right edge to the top
            found[:, at_y, at_x] = pixels[:, y, x]
    return found


def placings(name: str) -> set[bytes]:
    """What each view makes of pixels that are all different."""
    return {apply_view(PLACES, view).tobytes() for view in VIEWS[name]}


@pytest.mark.parametrize("view", VIEWS["dihedral"], ids=str)
def test_a_view_moves_every_pixel_where_it_belongs(view: View) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (2, S, S, 3), dtype=np.uint8)
    expected = moved(pixels, view)
    np.testing.assert_array_equal(apply_view(pixels, view), expected)
    images = torch.from_numpy(pixels).permute(0, 3, 1, 2)
    np.testing.assert_array_equal(of_tensors.apply_view(images, view).permute(0, 2, 3, 1).numpy(), expected)


@pytest.mark.parametrize(("name", "number"), [("mirror", 2), ("dihedral", 8)])
def test_views_of_a_name_are_a_group(name: str, number: int) -> None:
    every = placings(name)
    assert len(every) == len(VIEWS[name]) == number
    assert VIEWS[name][0] == AS_TAKEN
    one_after_another = {
        apply_view(apply_view(PLACES, first), second).tobytes() for first in VIEWS[name] for second in VIEWS[name]
    }
    assert one_after_another == every


def test_mirrored_faces_stand_upright() -> None:
    assert placings("mirror") == {PLACES.tobytes(), PLACES[:, :, ::-1].tobytes()}
    assert placings("mirror") < placings("dihedral")


def test_an_unknown_name_suggests_the_nearest() -> None:
    with pytest.raises(UserError, match="unknown views 'miror': did you mean 'mirror'"):
        views_of("miror")


def test_an_onnx_file_is_asked_for_them_by_the_same_option(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    photo, headings = tmp_path / "photo.png", {}
    Image.new("RGB", (20, 30), "tan").save(photo)
    for asked in ((), ("--tta", "dihedral")):
        assert main(["predict", str(model), str(photo), *asked]) == 0
        told = capsys.readouterr()
        headings[asked] = told.out.splitlines()[0].split(",")
        assert told.err.count("no sets of grades are given") == bool(asked)
    alone, several = headings.values()
    sets = [name for name in alone if name.endswith(("_low", "_high", "_set"))]
    assert sets
    assert several == [name for name in alone if name not in sets]
    assert main(["predict", str(model), str(photo), "--tta", "flips"]) == 2
    assert "'flips'" in capsys.readouterr().err
