"""Networks that have forgotten what they learned: a map that stays the same for them reflects only the photo.

Source: the model parameter randomisation test of Adebayo et al., 2018, https://arxiv.org/abs/1810.03292, section 3.
"""

from copy import deepcopy

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from multiskin.models.skinnet import SkinNet

TOKENS = 0.02  # standard deviation of what no layer owns, such as tokens of classes and places, as timm begins them


def without_readouts(net: SkinNet, _images: Tensor, seed: int) -> SkinNet:
    """A copy whose heads' layers are reinitialised, on the features that were learned."""
    copy = deepcopy(net)
    _begin_anew(copy.heads, seed)
    return copy


def without_weights(net: SkinNet, images: Tensor, seed: int) -> SkinNet:
    """A copy with all layers reinitialised, its norms with the statistics of images (B, 3, S, S).

    Random layers on those of the trained ones would saturate, or end in maps of nothing.
    """
    copy = deepcopy(net)
    _begin_anew(copy, seed)
    _settle_norms(copy, images)
    return copy


RANDOMISATIONS = {"readouts": without_readouts, "network": without_weights}


@torch.no_grad()
def _begin_anew(part: nn.Module, seed: int) -> None:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        for module in part.modules():
            begin = getattr(module, "reset_parameters", None)
            if callable(begin):
                begin()
            else:
                for parameter in module.parameters(recurse=False):
                    nn.init.normal_(parameter, std=TOKENS)


@torch.no_grad()
def _settle_norms(net: SkinNet, images: Tensor) -> None:
    norms = [module for module in net.modules() if isinstance(module, _BatchNorm)]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # the mean over batches, here of one
        norm.train()
    net(images)
    net.eval()
