import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from multiskin.faces import mtcnn
from multiskin.faces.networks import Network


@torch.inference_mode()
def test_the_first_network_is_a_sliding_window():
    network = Network("pnet", (2,), outputs=2)
    pixels = torch.randn(1, 3, 27, 20)  # odd height: the last windows reach the edge
    whole = network(pixels)
    assert whole[0].shape == (1, 4, 9, 5)
    for row, col in ((0, 0), (3, 4), (7, 2)):
        top, left = mtcnn.STRIDE * row, mtcnn.STRIDE * col
        cell = network(pixels[..., top : top + mtcnn.CELL, left : left + mtcnn.CELL])
        for output, alone in zip(whole, cell, strict=True):
            torch.testing.assert_close(output[..., row, col], alone[..., 0, 0], rtol=1e-4, atol=1e-5)


def slow_nms(boxes, overlap):
    kept = []
    for box in sorted(boxes.tolist(), key=lambda box: -box[4]):
        for other in kept:
            across = min(box[2], other[2]) - max(box[0], other[0])
            down = min(box[3], other[3]) - max(box[1], other[1])
            both = max(across, 0) * max(down, 0)
            areas = [(b[2] - b[0]) * (b[3] - b[1]) for b in (box, other)]
            if both / (sum(areas) - both) > overlap:
                break
        else:
            kept.append(box)
    return np.array(kept).reshape(-1, 5)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 30), st.integers(0, 2**32 - 1))
def test_non_maximum_suppression_matches_a_loop(number, seed):
    random = np.random.default_rng(seed)
    corners = random.uniform(0, 30, (number, 2))
    boxes = np.concatenate([corners, corners + random.uniform(5, 40, (number, 2)), random.random((number, 1))], axis=1)
    np.testing.assert_allclose(mtcnn._nms(boxes, 0.5), slow_nms(boxes, 0.5))


def test_patches_show_the_pixels_of_their_boxes():
    pixels = np.zeros((60, 80, 3), np.uint8)
    pixels[20:44, 30:54] = np.random.default_rng(0).integers(0, 256, (24, 24, 3), dtype=np.uint8)
    patch = mtcnn._patches(pixels, np.array([[30.0, 20, 54, 44, 1]]), 24)
    np.testing.assert_allclose(patch[0].permute(1, 2, 0) * 128 + 127.5, pixels[20:44, 30:54], atol=0.01)


def test_boxes_become_squares_around_their_centres():
    square = mtcnn._square(np.array([[0.0, 10, 4, 30, 0.5]]))
    assert square.tolist() == [[-8, 10, 12, 30, 0.5]]


@pytest.mark.parametrize("seed", range(3))
def test_the_number_of_boxes_is_limited(monkeypatch, seed):
    monkeypatch.setattr(mtcnn, "MAX_BOXES", 3)
    corners = 100.0 * np.arange(40)[:, None] + np.zeros((1, 2))
    confidence = np.random.default_rng(seed).random((40, 1))
    boxes = mtcnn._nms(np.concatenate([corners, corners + 10, confidence], axis=1), 0.5)
    np.testing.assert_allclose(boxes[:, 4], np.sort(confidence[:, 0])[::-1][:3])
