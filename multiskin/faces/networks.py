"""The three networks of MTCNN in PyTorch, with the weights of the package `mtcnn`.

That package's own code needs TensorFlow, but its weights are plain lists of arrays.
"""

from importlib.metadata import distribution

import joblib
import torch
from torch import Tensor
from torch.nn import functional as F


class Network:
    """Convolutions and at most one fully connected layer, each with PReLU, then parallel output layers.

    Args:
        name: name of the file of weights.
        windows: window sizes of the max pooling after the first layers, in pixels.
        outputs: how many of the last layers are parallel outputs.
    """

    def __init__(self, name: str, windows: tuple[int, ...], outputs: int) -> None:
        path = distribution("mtcnn").locate_file(f"mtcnn/assets/weights/{name}.lz4")
        weights = [_as_in_torch(torch.from_numpy(array)) for array in joblib.load(path)]
        body, ends = weights[: -2 * outputs], weights[-2 * outputs :]
        self.layers = list(zip(body[::3], body[1::3], body[2::3], strict=True))
        self.outputs = list(zip(ends[::2], ends[1::2], strict=True))
        self.windows = windows

    def __call__(self, x: Tensor) -> list[Tensor]:
        """Pixels (B, 3, h, w) to (B, C) for each output, or (B, C, h', w') if the network is fully convolutional."""
        windows = iter(self.windows)
        for weight, bias, slope in self.layers:
            x = F.prelu(_layer(x, weight, bias), slope.flatten())
            if window := next(windows, None):
                x = F.max_pool2d(x, window, stride=2, ceil_mode=True)
        return [_layer(x, weight, bias) for weight, bias in self.outputs]


def _as_in_torch(weight: Tensor) -> Tensor:
    """From (h, w, in, out) to (out, in, h, w), and from (in, out) to (out, in)."""
    order = {4: (3, 2, 0, 1), 2: (1, 0)}.get(weight.ndim)
    return weight if order is None else weight.permute(order).contiguous()


def _layer(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    if weight.ndim == 4:
        return F.conv2d(x, weight, bias)
    return F.linear(x.transpose(1, -1).flatten(1), weight, bias)  # (B, w, h, C): the order of the trained weights
