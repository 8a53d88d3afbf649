"""The compared methods: the network's own maps, established alternatives, and baselines that ignore the photo."""

import numpy as np
from torch import Tensor

from multiskin.explain.baselines import centre_blob, random_smooth, uniform
from multiskin.explain.cam import closed_form, head_maps
from multiskin.explain.layercam import layer_cam
from multiskin.heads import Head
from multiskin.models.skinnet import SkinNet
from multiskin.schema import Attribute

Maps = dict[str, np.ndarray]  # (B, H, h, w) by method
OURS, CHANCE = "cam", "uniform"
BATCH_SIZE = 32  # photos


def maps_by_method(net: SkinNet, images: Tensor, rows: np.ndarray, seed: int) -> Maps:
    """Every method's maps of the same photos, all with the resolution of the network's own.

    cam is signed and explains the expected grade. grad_cam is the method for classifiers: it explains the highest logit
    and drops negative values (Selvaraju et al., 2017, https://arxiv.org/abs/1610.02391). layer_cam is left out if the
    network has none.

    Args:
        net: the network, in evaluation mode.
        images: (B, 3, S, S), preprocessed, on its device.
        rows: (B,) the rows of the photos, which determine their random maps.
        seed: seed of the random maps.
    """
    chunks = zip(images.split(BATCH_SIZE), np.split(rows, range(BATCH_SIZE, len(rows), BATCH_SIZE)), strict=True)
    parts = [_maps_of_batch(net, some, of_some, seed) for some, of_some in chunks]
    return {method: np.concatenate([part[method] for part in parts]) for method in parts[0]}


def _maps_of_batch(net: SkinNet, images: Tensor, rows: np.ndarray, seed: int) -> Maps:
    ours, _, output = head_maps(net, images)
    others = closed_form(net, output, likeliest_logit) or head_maps(net, images, likeliest_logit)
    layered = layer_cam(net, output)
    _, *shape = ours.shape
    return {
        OURS: ours.cpu().numpy(),
        "grad_cam": others.maps.relu().cpu().numpy(),
        **({} if layered is None else {"layer_cam": layered.cpu().numpy()}),
        "centre": centre_blob(rows, shape),
        "random": random_smooth(rows, shape, seed),
        CHANCE: uniform(rows, shape),
    }


def likeliest_logit(_attribute: Attribute, _head: Head, logits: Tensor) -> Tensor:
    """The highest logit (B,) of logits (B, K)."""
    return logits.float().amax(dim=1)
