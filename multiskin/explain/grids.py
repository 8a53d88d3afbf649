"""Maps of different fineness on one grid."""

import torch
import torch.nn.functional as F
from torch import Tensor

from multiskin.models.skinnet import SkinOutput


def finest_grid(output: SkinOutput) -> torch.Size:
    """Height and width of the finest map that a head reads: of a stage, for every stage is finer than the final map."""
    return max((stage.shape[2:] for stage in output.stages.values()), default=output.maps.shape[2:])


def on_grid(maps: Tensor, grid: torch.Size) -> Tensor:
    """Maps (B, H, h, w) on a grid at least as fine, bilinearly, with what each position adds spread over its own.

    A grid that is finer by a whole number keeps the sum over positions exactly; another one keeps it nearly.
    """
    if maps.shape[2:] == grid:
        return maps
    share = maps.shape[2:].numel() / grid.numel()
    return share * F.interpolate(maps, grid, mode="bilinear", align_corners=False)
