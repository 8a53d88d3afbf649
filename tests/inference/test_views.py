"""With several views of a photo, the probabilities are the mean over the views."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from multiskin.calibration import Calibrator
from multiskin.conformal.prediction import ConformalSets, Threshold
from multiskin.data.manifest import Manifest
from multiskin.errors import UserError
from multiskin.inference.evaluate import evaluate
from multiskin.inference.predictor import Predictor
from multiskin.portable.views import VIEWS

SIZE = 64  # pixels, as the network has it, so that nothing is resized
ROUNDING = 1e-4  # other orders of summation


def noise(seed: int, number: int = 3) -> torch.Tensor:
    brightness = torch.linspace(-2, 2, number)[:, None, None, None]
    return brightness + torch.randn(number, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(seed))


def by_hand(images: torch.Tensor, name: str) -> list[torch.Tensor]:
    """The views, computed with transpositions and flips instead of rotations."""
    mirror = images.flip(3)
    if name == "mirror":
        return [images, mirror]
    upright = [images, mirror, images.flip(2), mirror.flip(2)]
    return upright + [image.transpose(2, 3) for image in upright]


@pytest.mark.parametrize("name", VIEWS)
def test_probabilities_are_the_mean_over_views(name: str, predictor: Predictor) -> None:
    images = noise(0)
    each = torch.stack([predictor.probabilities(view) for view in by_hand(images, name)])
    assert len(each) == len(VIEWS[name])
    assert each.std(dim=0).max() > 0.01, "a network that does not see the difference tests nothing"
    found = predictor.with_views(name).probabilities(images)
    torch.testing.assert_close(found, each.mean(dim=0), atol=ROUNDING, rtol=0)


def test_the_mean_is_calibrated_and_then_decided(predictor: Predictor) -> None:
    sharper = Calibrator("temperature", (3.0,) * 5, (0.2, 0, 0, 0, 0.1), (0.2,) * 5, 9)
    calibrated = replace(predictor, calibrators={"shine": sharper}, decisions={"shine": "argmax"})
    images = noise(1)
    found = calibrated.with_views("dihedral").predict(images)
    own = torch.stack([calibrated.probabilities(view) for view in by_hand(images, "dihedral")]).mean(dim=0)
    np.testing.assert_allclose(found.probabilities[:, 0], sharper(own[:, 0]), atol=ROUNDING)
    np.testing.assert_array_equal(found.grades[:, 0], found.probabilities[:, 0].argmax(axis=1))


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 1000), turns=st.integers(0, 3), mirrored=st.booleans())
def test_a_photo_may_be_turned_and_flipped(seed: int, turns: int, mirrored: bool, predictor: Predictor) -> None:
    photo = np.random.default_rng(seed).integers(0, 256, (SIZE, SIZE, 3), dtype=np.uint8)
    turned = np.rot90(photo[:, ::-1] if mirrored else photo, turns)
    every_view = predictor.with_views("dihedral")
    found, expected = every_view.predict_photo(turned), every_view.predict_photo(photo)
    np.testing.assert_allclose(found.probabilities, expected.probabilities, atol=ROUNDING)
    np.testing.assert_allclose(found.scores, expected.scores, atol=10 * ROUNDING)


def test_by_default_a_photo_is_seen_once(predictor: Predictor, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    forward = predictor.net.forward
    monkeypatch.setattr(predictor.net, "forward", lambda images: seen.append(images) or forward(images))
    images = noise(2)
    alone = predictor.probabilities(images)
    assert len(seen) == 1
    assert torch.equal(seen[0], images)
    assert torch.equal(alone, predictor.net.probabilities(predictor.net(images).logits))


def test_sets_of_grades_for_single_views_are_removed(predictor: Predictor) -> None:
    thresholds = {name: {"all": Threshold(0.5, 9, 9)} for name in predictor.schema.names}
    promising = replace(predictor, conformal=ConformalSets(predictor.schema, 0.8, None, thresholds))
    images = noise(3)
    assert promising.sets(promising.predict(images)) is not None
    every_view = promising.with_views("mirror")
    assert every_view.conformal is None
    assert every_view.sets(every_view.predict(images)) is None


@pytest.mark.parametrize("batch_size", [1, 5])
def test_graded_photos_are_evaluated_with_all_views(batch_size: int, predictor: Predictor, manifest: Manifest) -> None:
    every_view = predictor.with_views("mirror")
    found = evaluate(every_view, manifest, batch_size, num_workers=0).prediction.probabilities
    files = [manifest.path(row) for row in range(len(manifest))]
    results = every_view.predict_files(files, batch_size=3)
    expected = np.concatenate([result.prediction.probabilities for result in results if result.prediction])
    np.testing.assert_allclose(found, expected, atol=ROUNDING)
    alone = evaluate(predictor, manifest, batch_size, num_workers=0).prediction.probabilities
    assert not np.allclose(found, alone, atol=1e-3)


def test_an_unknown_name_gets_one_message(predictor: Predictor) -> None:
    with pytest.raises(UserError, match=r"unknown views 'flips'.*choose one of mirror, dihedral"):
        predictor.with_views("flips")
