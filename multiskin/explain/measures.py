"""The measures of a batch of maps: for every method and measure, one number per photo and head."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from torch import Tensor

from multiskin.explain.faithfulness import blurred, deletion_and_insertion, pixel_order
from multiskin.explain.localisation import area_under_roc, dilated, energy_inside, pointing_game, upsampled
from multiskin.explain.methods import CHANCE, Maps, maps_by_method
from multiskin.explain.randomisation import RANDOMISATIONS
from multiskin.explain.similarity import rank_correlation
from multiskin.models.skinnet import SkinNet

THRESHOLD = 0.2  # the mask value from which a pixel counts as inside
TOLERANCE = 0.03  # of the pointing game, as a share of the side: Zhang et al. allow 15 pixels in photos of 500
DRAWS = 5  # reinitialised networks of each kind

Values = dict[tuple[str, str], np.ndarray]  # (N, H) by method and measure, NaN where there is no value


class Measured(NamedTuple):
    """One measure of one method's maps: values (B, H), NaN where a photo has no value for a head."""

    method: str
    measure: str
    values: np.ndarray


def localisation(maps: Maps, masks: np.ndarray) -> Iterator[Measured]:
    """How well maps (B, H, h, w) agree with masks (B, H, S, S), 0 to 1, if these reach the threshold anywhere."""
    inside = masks >= THRESHOLD
    at = np.nonzero(inside.any(axis=(2, 3)))
    if not len(at[0]):
        return
    regions, size = inside[at], masks.shape[-1]
    near = dilated(regions, TOLERANCE * size)
    for method, of_method in maps.items():
        fine = upsampled(of_method[at], size)
        yield Measured(method, "pointing", _scattered(pointing_game(fine, near), at, inside.shape[:2]))
        yield Measured(method, "energy", _scattered(energy_inside(fine, regions), at, inside.shape[:2]))
        yield Measured(method, "auc", _scattered(area_under_roc(fine, regions), at, inside.shape[:2]))


def outside_skin(maps: Maps, skin: np.ndarray, graded: np.ndarray) -> Iterator[Measured]:
    """The share of maps (B, H, h, w) outside the skin (B, S, S), 0 to 1, for the heads graded (B, H) bool.

    Photos in which no skin was detected are left out, since detection may have failed.
    """
    found = skin.max(axis=(1, 2), keepdims=True)[..., 0] > 0  # (B, 1)
    at = np.nonzero(graded & found)
    if not len(at[0]):
        return
    for method, of_method in maps.items():
        shares = energy_inside(upsampled(of_method[at], skin.shape[-1]), 1 - skin[at[0]])
        yield Measured(method, "outside_skin", _scattered(shares, at, graded.shape))


def _scattered(values: np.ndarray, at: tuple[np.ndarray, ...], shape: tuple[int, ...]) -> np.ndarray:
    """An array of this shape with values (P,) at these photos and heads, and NaN elsewhere."""
    spread = np.full(shape, np.nan)
    spread[at] = values
    return spread


def faithfulness(
    net: SkinNet, images: Tensor, maps: Maps, grades: np.ndarray, graded: np.ndarray
) -> Iterator[Measured]:
    """Deletion and insertion for photos with a true grade in which the head finds something.

    Args:
        net: the network, in evaluation mode.
        images: (B, 3, S, S), on its device.
        maps: (B, H, h, w) by method; the uniform map gives no order and is skipped.
        grades: (B, H) the decisions; photos that an ordinal head grades 0 are skipped, as there is nothing to delete.
        graded: (B, H) bool, whether the photo has a true grade.
    """
    ordinal = np.array([attribute.ordinal for attribute in net.schema])
    at = np.nonzero(graded & ((grades > 0) | ~ordinal))
    if not len(at[0]):
        return
    blank = blurred(images)
    for method, of_method in maps.items():
        if method == CHANCE:
            continue
        orders = pixel_order(upsampled(of_method[at], images.shape[-1]))
        areas = np.array(
            [
                deletion_and_insertion(net, images[b], blank[b], order, h, grades[b, h])
                for b, h, order in zip(*at, orders, strict=True)
            ]
        )  # (P, 2)
        deletion, insertion = (_scattered(column, at, graded.shape) for column in areas.T)
        yield Measured(method, "deletion", deletion)
        yield Measured(method, "insertion", insertion)
        yield Measured(method, "faithfulness", insertion - deletion)


def randomisation(
    net: SkinNet, images: Tensor, rows: np.ndarray, maps: Maps, graded: np.ndarray, seed: int, norm_images: Tensor
) -> Iterator[Measured]:
    """The mean rank correlation with the maps of reinitialised networks, signed and absolute.

    If channels are high at the same positions, maps are similar or opposite whatever the weights of the heads; this
    cancels out in the mean over draws, but not in that of absolute correlations.

    Args:
        net: the network, in evaluation mode.
        images: (B, 3, S, S), on its device.
        rows: (B,) the rows of the photos, which determine their random maps.
        maps: (B, H, h, w) by method.
        graded: (B, H) bool, whether the photo has a true grade.
        seed: seed of the networks and of the random maps.
        norm_images: (*, 3, S, S), the photos on which norms compute their statistics; the same in every batch, so that
            the networks are the same.
    """
    for what, randomise in RANDOMISATIONS.items():
        draws = []
        for draw in range(1, DRAWS + 1):
            others = maps_by_method(randomise(net, norm_images, seed + draw), images, rows, seed + draw)
            draws.append({method: rank_correlation(maps[method], others[method]) for method in maps})
        for method in maps:
            correlations = np.where(graded, [of_draw[method] for of_draw in draws], np.nan)  # (DRAWS, B, H)
            yield Measured(method, f"{what}_anew", correlations.mean(axis=0))
            yield Measured(method, f"{what}_anew_absolute", np.abs(correlations).mean(axis=0))
