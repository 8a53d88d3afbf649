"""Measures whether the network uses what a map highlights, by blurring and restoring pixels in its order.

Source: Petsiuk, Das and Saenko, 2018, https://arxiv.org/abs/1806.07421, section 3.2.
"""

import cv2
import numpy as np
import torch
from torch import Tensor

from multiskin.models.skinnet import SkinNet

BLUR_STD = 0.1  # standard deviation as a share of the side: keeps tone and light, removes every sign of a condition
STEPS = 10  # each replaces the same number of pixels


def blurred(images: Tensor) -> Tensor:
    """Photos (B, 3, S, S) with nothing left to grade; blank ones would be unlike anything the network has seen."""
    pictures, deviation = images.permute(0, 2, 3, 1).cpu().numpy(), BLUR_STD * images.shape[-1]
    soft = [cv2.GaussianBlur(picture, (0, 0), deviation, borderType=cv2.BORDER_REFLECT_101) for picture in pictures]
    return torch.from_numpy(np.stack(soft)).permute(0, 3, 1, 2).to(images.device)


def pixel_order(maps: np.ndarray) -> np.ndarray:
    """The rank of every pixel of a map, the highest first, as a share of all: (P, S, S) to (P, S, S) in [0, 1)."""
    flat = maps.reshape(len(maps), -1)
    places = np.empty(flat.shape, np.float32)
    np.put_along_axis(places, np.argsort(-flat, axis=1, kind="stable"), np.arange(flat.shape[1], dtype=np.float32), 1)
    return (places / flat.shape[1]).reshape(maps.shape)


def blends(photo: Tensor, blank: Tensor, order: Tensor) -> Tensor:
    """One photo with more and more pixels replaced by another's: (STEPS + 1, 3, S, S), photo first, blank last.

    Args:
        photo: (3, S, S).
        blank: (3, S, S).
        order: (S, S), from pixel_order.
    """
    shares = torch.linspace(0, 1, STEPS + 1, device=photo.device)[:, None, None, None]  # of pixels replaced
    return torch.where(order < shares, blank, photo)


def area_under(curve: np.ndarray) -> np.ndarray:
    """The mean height of curves (..., STEPS + 1), by the trapezoidal rule."""
    return np.trapezoid(curve, dx=1 / (curve.shape[-1] - 1), axis=-1)


@torch.inference_mode()
def normalised_score(net: SkinNet, images: Tensor, head: int, grade: int) -> np.ndarray:
    """A head's scores of photos (B,), from 0 to 1 so that heads can be compared.

    The score is the expected grade divided by the highest grade, or for a nominal head the probability of a grade.
    """
    attribute, (name, module) = net.schema.attributes[head], net.named_heads()[head]
    probabilities = module.probabilities(net(images).logits[name])
    score = module.score(probabilities) / (attribute.grades - 1) if attribute.ordinal else probabilities[:, grade]
    return score.float().cpu().numpy()


def deletion_and_insertion(
    net: SkinNet, photo: Tensor, blank: Tensor, order: np.ndarray, head: int, grade: int
) -> tuple[float, float]:
    """The areas under the curves of a head's score as a photo is blurred and as it is restored, in a map's order.

    A map of what the network uses has a small deletion area and a large insertion area; in a random order, both are
    equal in expectation.

    Args:
        net: the network, in evaluation mode.
        photo: (3, S, S), preprocessed.
        blank: (3, S, S), from blurred.
        order: (S, S), from pixel_order.
        head: index of the head.
        grade: its decision for the photo.
    """
    places = torch.from_numpy(order).to(photo.device)
    both = torch.cat([blends(photo, blank, places), blends(blank, photo, places)])
    deletion, insertion = area_under(normalised_score(net, both, head, grade).reshape(2, -1))
    return float(deletion), float(insertion)
