"""Brings maps of different resolutions to one grid."""

import torch
import torch.nn.functional as F
from torch import Tensor

from multiskin.models.skinnet import SkinOutput


def finest_grid(output: SkinOutput) -> torch.Size:
    """Height and width of the finest map that a head reads; every stage is finer than the final map."""
    return max((stage.shape[2:] for stage in output.stages.values()), default=output.maps.shape[2:])


def on_grid(maps: Tensor, grid: torch.Size) -> Tensor:
    """Maps (B, H, h, w) interpolated bilinearly on a grid at least as fine, scaled so that their sum stays the same.

    The sum over positions is exact if the grid is finer by a whole number, and approximate otherwise.
    """
    if maps.shape[2:] == grid:
        return maps
    share = maps.shape[2:].numel() / grid.numel()
    return share * F.interpolate(maps, grid, mode="bilinear", align_corners=False)
