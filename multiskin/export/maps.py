"""The maps of all heads without automatic differentiation, which ONNX graphs lack.

They equal those of multiskin.explain.cam for the scalar `score`: the derivatives with respect to the logits and through
a head's hidden layer are written out. Below, s is the expected grade.
"""

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from multiskin.explain.cam import weighted_maps, with_stages
from multiskin.explain.features import matches_features
from multiskin.heads import Head
from multiskin.losses import LogitKind
from multiskin.models.skinnet import SkinNet, SkinOutput, head_features
from multiskin.schema import Attribute


def have_maps(output: SkinOutput) -> bool:
    """Whether heads see only the plain mean of the final feature map, as in most convolutional networks."""
    return matches_features(output.maps.mean(dim=(2, 3)), output)


def score_maps(net: SkinNet, output: SkinOutput) -> Tensor:
    """What each position adds to the expected grade (B, H, h, w), or to the predicted grade's logit if nominal.

    Args:
        net: the network, in evaluation mode.
        output: the output of a forward pass for which `have_maps` is true.
    """
    heads = zip(net.schema, net.named_heads(), net.strides, strict=True)
    grad_inputs = [
        _grad_through_layer(
            head, _grad_logits(attribute, head, output.logits[name]) @ head.readout.float(), output, stride
        )
        for attribute, (name, head), stride in heads
    ]  # (B, C) each
    grad_mean = torch.stack([of_head[:, : output.features.shape[1]] for of_head in grad_inputs])  # (H, B, C')
    return with_stages(net, output, weighted_maps(grad_mean, output.maps), grad_inputs)


def _grad_logits(attribute: Attribute, head: Head, logits: Tensor) -> Tensor:
    """The derivative of the scalar with respect to the logits, (B, D)."""
    if not attribute.ordinal:
        return F.one_hot(logits.argmax(dim=1), logits.shape[1]).float()
    return DERIVATIVES[head.logit_kind](logits.float())


def _categorical(logits: Tensor) -> Tensor:
    """With the softmax p: ds/dlogit_k = p_k (k - s)."""
    p = logits.softmax(dim=1)
    grades = torch.arange(logits.shape[1], device=logits.device)
    return p * (grades - (p * grades).sum(dim=1, keepdim=True))


def _cumulative(logits: Tensor) -> Tensor:
    """Uses that s is the sum of P(grade > k) = sigmoid(logit_k)."""
    above = logits.sigmoid()
    return above * (1 - above)


def _continuation(logits: Tensor) -> Tensor:
    """Uses that s is the sum of P(grade > k), each the product of sigmoid(logit_j) over all j <= k."""
    above = F.logsigmoid(logits).cumsum(dim=1).exp()  # (B, K-1)
    from_here = above.flip(1).cumsum(dim=1).flip(1)  # the sum over k >= j
    return (-logits).sigmoid() * from_here


DERIVATIVES: dict[LogitKind, Callable[[Tensor], Tensor]] = {  # of the expected grade, (B, D) to (B, D)
    "categorical": _categorical,
    "cumulative": _cumulative,
    "continuation": _continuation,
}


def _grad_through_layer(head: Head, grad_hidden: Tensor, output: SkinOutput, stride: int | None) -> Tensor:
    """Derivatives (B, C) with respect to what a head reads, from those with respect to its hidden units (B, U)."""
    if isinstance(head.hidden, nn.Identity):
        return grad_hidden
    linear = head.hidden.get_submodule("0")
    number = linear(head_features(output.features, output.stages, stride))  # (B, U), what enters the GELU
    normal = torch.special.erf(number / math.sqrt(2)) / 2 + 0.5
    slope = normal + number * torch.exp(-number.square() / 2) / math.sqrt(2 * math.pi)
    return (grad_hidden * slope) @ linear.get_parameter("weight")
