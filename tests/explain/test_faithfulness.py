"""Deletion and insertion against loops, on a network whose score follows directly from the pixels."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from torch import Tensor, nn

from multiskin.explain.faithfulness import (
    STEPS,
    area_under,
    blends,
    blurred,
    deletion_and_insertion,
    normalised_score,
    pixel_order,
)
from multiskin.models.skinnet import SkinOutput
from multiskin.schema import Attribute, Schema

SIDE = 10


class MeanGrader(nn.Module):
    """Three grades and two classes from the mean of a photo's pixels, which must be from 0 to 1."""

    schema = Schema((Attribute("shine", 3), Attribute("kind", 2, kind="nominal")))

    def forward(self, images: Tensor) -> SkinOutput:
        mean = images.mean(dim=(1, 2, 3))  # (B,)
        logits = {
            "shine": torch.stack([1 - mean, torch.zeros_like(mean), mean], dim=1),
            "kind": torch.stack([1 - mean, mean], dim=1),
        }
        return SkinOutput(images, images, logits)

    def named_heads(self) -> list[tuple[str, nn.Module]]:
        return [(attribute.name, KnownHead()) for attribute in self.schema]


class KnownHead(nn.Module):
    def probabilities(self, logits: Tensor) -> Tensor:
        return logits

    def score(self, probabilities: Tensor) -> Tensor:
        return probabilities @ torch.arange(probabilities.shape[1], dtype=probabilities.dtype)


def test_scores_of_all_heads_are_from_0_to_1() -> None:
    images = torch.tensor([0.0, 0.25, 1.0])[:, None, None, None].expand(3, 3, 4, 4)
    np.testing.assert_allclose(
        normalised_score(MeanGrader(), images, 0, 2), [0, 0.25, 1]
    )  # the expected grade, 2 * mean, divided by 2
    np.testing.assert_allclose(normalised_score(MeanGrader(), images, 1, 0), [1, 0.75, 0])
    np.testing.assert_allclose(normalised_score(MeanGrader(), images, 1, 1), [0, 0.25, 1])


@settings(max_examples=30, deadline=None)
@given(arrays(np.float32, (SIDE, SIDE), elements=st.floats(-1, 1, width=16)))
def test_areas_match_a_loop_that_replaces_single_pixels(plane: np.ndarray) -> None:
    photo, blank = torch.rand(3, SIDE, SIDE, generator=torch.Generator().manual_seed(0)), torch.zeros(3, SIDE, SIDE)
    deletion, insertion = deletion_and_insertion(MeanGrader(), photo, blank, pixel_order(plane[None])[0], 0, 0)
    places = sorted(np.ndindex(SIDE, SIDE), key=lambda place: -plane[place])  # stable: ties keep their order
    left, come = [], []
    for step in range(STEPS + 1):
        first = places[: step * SIDE * SIDE // STEPS]
        taken, given_back = photo.clone(), blank.clone()
        for y, x in first:
            taken[:, y, x] = 0
            given_back[:, y, x] = photo[:, y, x]
        left.append(taken.mean().item())
        come.append(given_back.mean().item())
    heights = [np.mean([np.mean(pair) for pair in pairwise(curve)]) for curve in (left, come)]
    assert [deletion, insertion] == pytest.approx(heights, abs=1e-5)


def test_a_map_of_what_the_network_uses_beats_its_opposite() -> None:
    photo = torch.zeros(3, SIDE, SIDE)
    photo[:, 2:4, 5:7] = 1
    right, wrong = (pixel_order(sign * photo[:1].numpy())[0] for sign in (1, -1))
    good, bad = (deletion_and_insertion(MeanGrader(), photo, 0 * photo, order, 0, 0) for order in (right, wrong))
    assert good[0] < bad[0]
    assert good[1] > bad[1]


def test_orders_start_at_the_highest_pixel() -> None:
    assert pixel_order(np.array([[[3.0, 1.0], [5.0, 1.0]]])).tolist() == [[[0.25, 0.5], [0, 0.75]]]


def test_blends_run_from_one_photo_to_the_other() -> None:
    photo, blank = torch.ones(3, SIDE, SIDE), torch.zeros(3, SIDE, SIDE)
    steps = blends(photo, blank, torch.from_numpy(pixel_order(np.random.default_rng(0).random((1, SIDE, SIDE)))[0]))
    np.testing.assert_allclose(steps.mean(dim=(1, 2, 3)), np.linspace(1, 0, STEPS + 1), atol=1e-6)


def test_the_area_under_a_straight_line_is_its_mean() -> None:
    np.testing.assert_allclose(area_under(np.array([[0.0, 0.5, 1.0], [2.0, 2.0, 2.0]])), [0.5, 2])


def test_a_blurred_photo_keeps_its_tone_and_loses_its_detail() -> None:
    side = 60
    fine = torch.zeros(2, 3, side, side)
    fine[0, 0, ::4] = 1  # lines
    fine[1] = torch.linspace(0, 1, 3)[:, None, None]
    soft = blurred(fine)
    assert soft.shape == fine.shape
    assert soft[0, 0].std() < 0.02
    assert soft[0, 0].mean() == pytest.approx(fine[0, 0].mean().item(), abs=0.02)
    np.testing.assert_allclose(soft[1], fine[1], atol=1e-5)
