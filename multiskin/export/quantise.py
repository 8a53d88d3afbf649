"""A float ONNX model with its products in 8 bits: static quantisation, one scale per channel of weights.

Jacob et al. 2018, https://arxiv.org/abs/1712.05877; the ranges of activations come from photos.
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

PRODUCTS = ("Conv", "Gemm", "MatMul")  # what takes the time
HEADS = ".heads."  # in the names of their weights: heads take no time, and probabilities depend on them


class PhotosInTurn:
    """Prepared photos (B, S, S, 3) as ONNX Runtime asks for them: one by one, and None at the end."""

    def __init__(self, pixels: np.ndarray) -> None:
        self._left = iter(pixels)

    def get_next(self) -> dict[str, np.ndarray] | None:
        photo = next(self._left, None)
        return None if photo is None else {IMAGE: photo[None]}


def quantise(source: Path, target: Path, pixels: np.ndarray) -> None:
    """Writes a copy of the float model in 8 bits, with the same inputs and outputs.

    Args:
        source: the float model.
        target: where to.
        pixels: (B, S, S, 3) uint8, prepared photos of the kind that the model is for.
    """
    import onnx
    from onnxruntime.quantization import QuantFormat, QuantType, quantize_static

    heavy = heavy_nodes(onnx.load(source))
    with _without_advice():
        quantize_static(
            source,
            target,
            PhotosInTurn(pixels),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            activation_type=QuantType.QInt8,
            weight_type=QuantType.QInt8,
            nodes_to_quantize=heavy,
        )


def heavy_nodes(model: "ModelProto") -> list[str]:
    """The names of the backbone's products with weights for which 8 bits are enough.

    The first one, of pixels, has the widest range of all; products of single channels save next to nothing and lose
    most (Sheng et al. 2018, https://arxiv.org/abs/1803.08607).
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
    """Hides the advice to fold and infer shapes first, which torch's exporter has already done."""

    def other(record: logging.LogRecord) -> bool:
        return "pre-processing before quantization" not in record.getMessage()

    root = logging.getLogger()
    root.addFilter(other)
    try:
        yield
    finally:
        root.removeFilter(other)
