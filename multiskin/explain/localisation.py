"""Measures of whether a map lies where the condition is, as pure functions of maps and regions.

A uniform map scores at chance level on each measure, and so does a map without positive values on measures that use
only these. No photo is left out for that, which could favour a method.
"""

import numpy as np
import torch
from scipy.ndimage import distance_transform_edt
from scipy.stats import rankdata
from torch.nn.functional import interpolate


def upsampled(maps: np.ndarray, size: int) -> np.ndarray:
    """Maps (P, h, w) at the input's pixels (P, S, S), upsampled bilinearly as in Grad-CAM (Selvaraju et al., 2017)."""
    planes = torch.from_numpy(np.ascontiguousarray(maps, np.float32)).unsqueeze(1)
    return interpolate(planes, (size, size), mode="bilinear", align_corners=False).squeeze(1).numpy()


def dilated(inside: np.ndarray, margin: float) -> np.ndarray:
    """Regions (P, S, S) bool extended by all pixels within this distance, in pixels."""
    return np.stack([distance_transform_edt(~region) <= margin if region.any() else region for region in inside])


def pointing_game(maps: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """Whether each map's highest pixel lies in its region: (P,), 1 or 0; with ties, the share of them that do.

    Source: Zhang et al., 2016, https://arxiv.org/abs/1608.00507, section 4.1; for their tolerance, see `dilated`.

    Args:
        maps: (P, S, S), signed.
        inside: (P, S, S) bool.
    """
    positive = np.maximum(maps, 0)  # a map without positive values points nowhere
    highest = positive == positive.max(axis=(1, 2), keepdims=True)
    return (highest & inside).sum(axis=(1, 2)) / highest.sum(axis=(1, 2))


def energy_inside(maps: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The share (P,) of each map's positive part that lies inside; for a uniform map, the region's share of the area.

    Source: the energy-based pointing game of Wang et al., 2020, https://arxiv.org/abs/1910.01279, section 4.3.

    Args:
        maps: (P, S, S), signed.
        weights: (P, S, S), how far each pixel is inside, from 0 to 1; or bool.
    """
    energy = np.maximum(maps, 0).astype(np.float64)
    energy[~energy.any(axis=(1, 2))] = 1
    return (energy * weights).sum(axis=(1, 2)) / energy.sum(axis=(1, 2))


def area_under_roc(maps: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """The probability (P,) that a pixel inside is higher than one outside (0.5 by chance); NaN if either has none.

    Args:
        maps: (P, S, S), signed.
        inside: (P, S, S) bool.
    """
    ranks = rankdata(maps.reshape(len(maps), -1), axis=1)  # ties share their mean rank
    member = inside.reshape(len(inside), -1)
    positive, negative = member.sum(axis=1), (~member).sum(axis=1)
    wins = (ranks * member).sum(axis=1) - positive * (positive + 1) / 2  # the Mann-Whitney U statistic
    pairs = positive * negative
    return np.divide(wins, pairs, out=np.full(len(maps), np.nan), where=pairs > 0)
