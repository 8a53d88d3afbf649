"""Applies views to photos as tensors."""

from torch import Tensor

from multiskin.portable.views import View


def apply_view(images: Tensor, view: View) -> Tensor:
    """A view of prepared photos (B, 3, S, S), in the same shape."""
    mirrored = images.flip(-1) if view.mirrored else images
    return mirrored.rot90(view.turns, (-2, -1)) if view.turns else mirrored
