"""A single module from a photo's pixels to probabilities and maps, and its ONNX graph."""

import logging
import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from multiskin.calibration import Calibrator
from multiskin.errors import UserError
from multiskin.export.maps import have_maps, score_maps
from multiskin.inference.predictor import Predictor
from multiskin.models.skinnet import SkinNet
from multiskin.portable.predictor import IMAGE, INSTALL, map_of

if TYPE_CHECKING:
    from onnx import ModelProto

OPSET = 18
PIXEL = 255  # the brightest value


class PixelsToGrades(nn.Module):
    """Prepared photos (B, S, S, 3) uint8 to each head's calibrated probabilities (B, K), then each map (B, h, w).

    Args:
        predictor: the model, on the CPU.
        maps: whether to output maps.
    """

    mean: Tensor  # (3, 1, 1), of uint8 values
    std: Tensor

    def __init__(self, predictor: Predictor, maps: bool) -> None:
        super().__init__()
        self.net: SkinNet = predictor.net
        self.calibrators: Mapping[str, Calibrator] = predictor.calibrators
        self.maps = maps
        for key in ("mean", "std"):
            values = torch.tensor(getattr(predictor.preprocessing, key))[:, None, None]
            self.register_buffer(key, PIXEL * values)

    @property
    def outputs(self) -> list[str]:
        """The names of the outputs."""
        names = self.net.schema.names
        return [*names, *(map_of(name) for name in names if self.maps)]

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        output = self.net((image.permute(0, 3, 1, 2).float() - self.mean) / self.std)
        own = {name: head.probabilities(output.logits[name]) for name, head in self.net.named_heads()}
        rows = [self._calibrated(name, probabilities) for name, probabilities in own.items()]
        maps = score_maps(self.net, output).unbind(dim=1) if self.maps else ()
        return *rows, *maps

    def _calibrated(self, name: str, probabilities: Tensor) -> Tensor:
        return self.calibrators[name](probabilities) if name in self.calibrators else probabilities


@torch.no_grad()
def traceable(predictor: Predictor) -> PixelsToGrades:
    """The module of a model; without maps if its heads depend on more than the mean of the final feature map."""
    size = predictor.preprocessing.input_size
    maps = have_maps(predictor.net(torch.randn(1, 3, size, size)))
    return PixelsToGrades(predictor, maps).eval()


def onnx_graph(module: PixelsToGrades, size: int, backbone: str) -> "ModelProto":
    """Exports the module as ONNX, with a dynamic batch size.

    Args:
        module: the module to export.
        size: S, pixels.
        backbone: the name of the backbone, for error messages.

    Raises:
        UserError: the exporter is not installed, or cannot trace the backbone.
    """
    photos = torch.zeros(2, size, size, 3, dtype=torch.uint8)  # a batch size of 1 would be taken as fixed
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)  # real failures are raised anyway
    try:
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")  # about the exporter's internals
            program = torch.onnx.export(
                module,
                (photos,),
                dynamo=True,
                verbose=False,
                opset_version=OPSET,
                input_names=[IMAGE],
                output_names=module.outputs,
                dynamic_shapes=({0: torch.export.Dim("photos")},),
            )
    except ImportError as error:
        raise UserError(INSTALL) from error
    except Exception as error:  # each step of the exporter raises different types
        reason = f"{type(error.__cause__ or error).__name__}: {error.__cause__ or error}".splitlines()[0]
        raise UserError(
            f"{backbone} cannot be exported as ONNX ({reason[:200]}); predict from the run itself, or choose another "
            "backbone"
        ) from error
    if program is None:
        raise UserError(INSTALL)
    return _without_places(program.model_proto)


def _without_places(model: "ModelProto") -> "ModelProto":
    """Removes the source locations that the exporter records, since folder names are private."""
    for node in model.graph.node:
        del node.metadata_props[:]
        node.doc_string = ""
    for value in (*model.graph.value_info, *model.graph.input, *model.graph.output, *model.graph.initializer):
        del value.metadata_props[:]
    del model.graph.metadata_props[:]
    del model.metadata_props[:]
    return model
