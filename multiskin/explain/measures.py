"""What is measured on the maps of some photos: for every method and measure one number per photo and head."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from torch import Tensor

from multiskin.explain.faithfulness import blurred, deletion_and_insertion, order_of
from multiskin.explain.localisation import area_under_roc, energy_inside, pointing_game, upsampled, widened
from multiskin.explain.methods import CHANCE, Maps, maps_by_method
from multiskin.explain.randomisation import RANDOMISATIONS
from multiskin.explain.similarity import rank_correlation
from multiskin.models.skinnet import SkinNet

THRESHOLD = 0.2  # of a mask, from which on a pixel is inside
TOLERANCE = 0.03  # of the side, by which a pointed pixel may miss: Zhang et al. take 15 pixels of photos of 500
DRAWS = 5  # networks that begin anew, of each kind

Values = dict[tuple[str, str], np.ndarray]  # by method and measure: (N, H), NaN where there is none


class Measured(NamedTuple):
    """One measure of one method's maps: values (B, H), NaN where a photo has none of a head."""

    method: str
    measure: str
    values: np.ndarray


def localisation(maps: Maps, masks: np.ndarray) -> Iterator[Measured]:
    """How maps (B, H, h, w) lie to the masks (B, H, S, S), 0 to 1; only where a mask reaches the threshold."""
    inside = masks >= THRESHOLD
    at = np.nonzero(inside.any(axis=(2, 3)))
    if not len(at[0]):
        return
    regions, size = inside[at], masks.shape[-1]
    near = widened(regions, TOLERANCE * size)
    for method, of_method in maps.items():
        fine = upsampled(of_method[at], size)
        yield Measured(method, "pointing", _spread(pointing_game(fine, near), at, inside.shape[:2]))
        yield Measured(method, "energy", _spread(energy_inside(fine, regions), at, inside.shape[:2]))
        yield Measured(method, "auc", _spread(area_under_roc(fine, regions), at, inside.shape[:2]))


def outside_skin(maps: Maps, skin: np.ndarray, graded: np.ndarray) -> Iterator[Measured]:
    """How much of maps (B, H, h, w) lies where no skin is, by the skin (B, S, S), 0 to 1, for the heads graded (B, H).

    Photos in which no skin is found are left out, since that does not prove that there is none.
    """
    found = skin.max(axis=(1, 2), keepdims=True)[..., 0] > 0  # (B, 1)
    at = np.nonzero(graded & found)
    if not len(at[0]):
        return
    for method, of_method in maps.items():
        shares = energy_inside(upsampled(of_method[at], skin.shape[-1]), 1 - skin[at[0]])
        yield Measured(method, "outside_skin", _spread(shares, at, graded.shape))


def _spread(values: np.ndarray, at: tuple[np.ndarray, ...], shape: tuple[int, ...]) -> np.ndarray:
    """Values (P,) at their photos and heads in an array of that shape, NaN elsewhere."""
    spread = np.full(shape, np.nan)
    spread[at] = values
    return spread


def faithfulness(
    net: SkinNet, images: Tensor, maps: Maps, grades: np.ndarray, graded: np.ndarray
) -> Iterator[Measured]:
    """How a head's score follows its map, on photos that it is graded for and sees something in.

    Args:
        net: in evaluation mode.
        images: (B, 3, S, S), on its device.
        maps: (B, H, h, w) each; a uniform one has no order and is skipped.
        grades: (B, H) as decided; for an ordinal head's grade 0 there is nothing to delete.
        graded: (B, H) bool.
    """
    ordinal = np.array([attribute.ordinal for attribute in net.schema])
    at = np.nonzero(graded & ((grades > 0) | ~ordinal))
    if not len(at[0]):
        return
    blank = blurred(images)
    for method, of_method in maps.items():
        if method == CHANCE:
            continue
        orders = order_of(upsampled(of_method[at], images.shape[-1]))
        areas = np.array(
            [
                deletion_and_insertion(net, images[b], blank[b], order, h, grades[b, h])
                for b, h, order in zip(*at, orders, strict=True)
            ]
        )  # (P, 2)
        deletion, insertion = (_spread(column, at, graded.shape) for column in areas.T)
        yield Measured(method, "deletion", deletion)
        yield Measured(method, "insertion", insertion)
        yield Measured(method, "faithfulness", insertion - deletion)


def randomisation(
    net: SkinNet, images: Tensor, rows: np.ndarray, maps: Maps, graded: np.ndarray, seed: int, settling: Tensor
) -> Iterator[Measured]:
    """How like the maps are to those of reinitialised networks: mean rank correlations, and those without sign.

    Channels that are high at the same places make a network's maps alike or opposite whatever the read-outs; this
    cancels in the mean over draws, but not in the correlations without sign.

    Args:
        net: in evaluation mode.
        images: (B, 3, S, S), on its device.
        rows: (B,) the photos', by which random maps are drawn.
        maps: (B, H, h, w) each.
        graded: (B, H) bool.
        seed: the networks' and the random maps'.
        settling: (*, 3, S, S), photos that norms take their statistics from; the same ones make the same networks.
    """
    for what, begin_anew in RANDOMISATIONS.items():
        draws = []
        for draw in range(1, DRAWS + 1):
            others = maps_by_method(begin_anew(net, settling, seed + draw), images, rows, seed + draw)
            draws.append({method: rank_correlation(maps[method], others[method]) for method in maps})
        for method in maps:
            correlations = np.where(graded, [of_draw[method] for of_draw in draws], np.nan)  # (DRAWS, B, H)
            yield Measured(method, f"{what}_anew", correlations.mean(axis=0))
            yield Measured(method, f"{what}_anew_absolute", np.abs(correlations).mean(axis=0))
