"""Networks with random weights: a map that stays the same for them does not depend on what was learned.

Source: the model parameter randomisation test of Adebayo et al., 2018, https://arxiv.org/abs/1810.03292, section 3.
"""

from copy import deepcopy

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from multiskin.models.skinnet import SkinNet

TOKEN_STD = 0.02  # standard deviation of parameters outside layers, such as class and position tokens, as in timm


def with_random_heads(net: SkinNet, _images: Tensor, seed: int) -> SkinNet:
    """A copy with reinitialised heads on the learned features."""
    copy = deepcopy(net)
    _reinitialise(copy.heads, seed)
    return copy


def with_random_weights(net: SkinNet, images: Tensor, seed: int) -> SkinNet:
    """A copy with all layers reinitialised and the statistics of norms computed on images (B, 3, S, S).

    With the statistics of the trained layers, random ones would saturate or end in maps of zeros.
    """
    copy = deepcopy(net)
    _reinitialise(copy, seed)
    _compute_norm_statistics(copy, images)
    return copy


RANDOMISATIONS = {"readouts": with_random_heads, "network": with_random_weights}


@torch.no_grad()
def _reinitialise(part: nn.Module, seed: int) -> None:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        for module in part.modules():
            begin = getattr(module, "reset_parameters", None)
            if callable(begin):
                begin()
            else:
                for parameter in module.parameters(recurse=False):
                    nn.init.normal_(parameter, std=TOKEN_STD)


@torch.no_grad()
def _compute_norm_statistics(net: SkinNet, images: Tensor) -> None:
    norms = [module for module in net.modules() if isinstance(module, _BatchNorm)]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # average over batches, of which there is one
        norm.train()
    net(images)
    net.eval()
