"""Static 8-bit quantisation of a float ONNX model, with one weight scale per channel.

Jacob et al. 2018, https://arxiv.org/abs/1712.05877; the ranges of activations are estimated on photos.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from multiskin.portable.predictor import IMAGE

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto

PRODUCTS = ("Conv", "Gemm", "MatMul")  # the operators that take most of the time
HEADS = ".heads."  # in the weight names of heads, which take little time but determine the probabilities


class PhotoReader:
    """A calibration data reader for ONNX Runtime: prepared photos (B, S, S, 3) one by one, then None."""

    def __init__(self, pixels: np.ndarray) -> None:
        self._left = iter(pixels)

    def get_next(self) -> dict[str, np.ndarray] | None:
        photo = next(self._left, None)
        return None if photo is None else {IMAGE: photo[None]}


def quantise(source: Path, target: Path, pixels: np.ndarray) -> None:
    """Writes a quantised copy of a float model, with the same inputs and outputs.

    Args:
        source: the float model.
        target: the file to write.
        pixels: (B, S, S, 3) uint8, prepared photos representative of the model's use.
    """
    import onnx
    from onnxruntime.quantization import QuantFormat, QuantType, quantize_static

    heavy = heavy_nodes(onnx.load(source))
    with _without_advice():
        quantize_static(
            source,
            target,
            PhotoReader(pixels),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            activation_type=QuantType.QInt8,
            weight_type=QuantType.QInt8,
            nodes_to_quantize=heavy,
        )


def heavy_nodes(model: "ModelProto") -> list[str]:
    """The names of the backbone's products with weights to quantise.

    The first one is left out, since its input, the pixels, has the widest range, and so are grouped convolutions, which
    save next to nothing and lose most (Sheng et al. 2018, https://arxiv.org/abs/1803.08607).
    """
    weights = {each.name for each in model.graph.initializer}
    products = [
        node
        for node in model.graph.node
        if node.op_type in PRODUCTS
        and weights.intersection(node.input)
        and not any(HEADS in name for name in node.input)
    ]
    return [node.name for node in products[1:] if not _by_channel(node)]


def _by_channel(node: "NodeProto") -> bool:
    return any(attribute.name == "group" and attribute.i > 1 for attribute in node.attribute)


@contextmanager
def _without_advice() -> Iterator[None]:
    """Hides the advice to preprocess the model first, since torch's exporter has already inferred its shapes."""

    def other(record: logging.LogRecord) -> bool:
        return "pre-processing before quantization" not in record.getMessage()

    root = logging.getLogger()
    root.addFilter(other)
    try:
        yield
    finally:
        root.removeFilter(other)
