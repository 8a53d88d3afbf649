"""Layer-CAM: what lies in each place of each channel, weighed by that very place's gradient where it is above 0.

Source: Jiang et al., 2021, LayerCAM, https://doi.org/10.1109/TIP.2021.3089943, equations 5 and 6, at the final map.
"""

import torch
from torch import Tensor

from multiskin.explain.features import features_from
from multiskin.explain.scalars import score
from multiskin.models.skinnet import SkinNet, SkinOutput


def layer_cam(net: SkinNet, output: SkinOutput) -> Tensor | None:
    """The maps (B, H, h, w) of every head's score, nowhere below 0, from a forward pass that is done.

    Returns:
        None where heads do not read the final map as it is shown: of tokens, or with its channels last.
    """
    with torch.enable_grad():
        maps = output.maps.detach().clone().requires_grad_()  # (B, C, h, w)
        features = features_from(net, maps, output)
        if features is None:
            return None
        scores = [
            score(attribute, head, head(features)).sum()
            for attribute, (_, head) in zip(net.schema, net.named_heads(), strict=True)
        ]
        gradients = [torch.autograd.grad(each, maps, retain_graph=True)[0] for each in scores]
    weighed = [(gradient.relu() * output.maps).sum(dim=1).relu() for gradient in gradients]
    return torch.stack(weighed, dim=1).detach().float()
