"""Export of a trained model to a single ONNX file, which is checked against the original."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from multiskin.errors import UserError
from multiskin.export.agreement import Agreement, agreement, require_same
from multiskin.export.graph import onnx_graph, traceable
from multiskin.export.quantise import quantise
from multiskin.inference.predictor import Predictor
from multiskin.portable.card import Card
from multiskin.portable.decisions import Rule
from multiskin.portable.pixels import Pixels
from multiskin.portable.predictor import INSTALL, OnnxPredictor
from multiskin.run import atomic_path


def export_onnx(predictor: Predictor, path: Path, photos: Sequence[np.ndarray]) -> Agreement:
    """Writes a model as ONNX and returns how closely the file agrees with it.

    Args:
        predictor: the model, on the CPU.
        path: the file to write.
        photos: (h, w, 3) uint8 RGB each, on which both are compared.

    Raises:
        UserError: the backbone or preprocessing cannot be exported, or the export differs; no file is kept then.
    """
    card, detector = card_of(predictor), predictor.preprocessing.skin.detector
    Pixels(card.preprocessing)  # fails before the export, which is slow
    try:
        import onnx
        import onnxruntime  # noqa: F401  # needed to check the file
    except ImportError as error:
        raise UserError(INSTALL) from error
    backbone = type(predictor.net.backbone.net).__name__
    model = onnx_graph(traceable(predictor), card.preprocessing.input_size, backbone)
    onnx.helper.set_model_props(model, card.to_metadata())
    with atomic_path(path) as part:
        onnx.save(model, part)
        found = agreement(predictor, OnnxPredictor.from_file(part, detector), photos)
        require_same(found, str(path))
    return found


def export_int8(
    predictor: Predictor, source: Path, path: Path, photos: Sequence[np.ndarray], learned: Sequence[np.ndarray]
) -> Agreement:
    """Quantises an exported model to 8 bits and returns how closely the file agrees with the original.

    Conformal sets are left out, since they were calibrated on the original model's probabilities.

    Args:
        predictor: the model, on the CPU.
        source: the file that export_onnx wrote.
        path: the file to write.
        photos: (h, w, 3) uint8 RGB each, on which both are compared.
        learned: photos to estimate the ranges of activations on.
    """
    detector = predictor.preprocessing.skin.detector
    pixels = OnnxPredictor.from_file(source, detector).pixels
    with atomic_path(path) as part:
        quantise(source, part, np.stack([pixels(photo) for photo in learned]))
        _describe(part, replace(card_of(predictor), conformal=None))
        return agreement(predictor, OnnxPredictor.from_file(part, detector), photos)


def _describe(path: Path, card: Card) -> None:
    """Replaces the metadata of an ONNX file with this card."""
    import onnx

    model = onnx.load(path)
    onnx.helper.set_model_props(model, card.to_metadata())
    onnx.save(model, path)


def card_of(predictor: Predictor) -> Card:
    """The metadata for a model's file."""
    rules = {
        name: Rule(rule.decision, tuple(rule.prior.tolist()), tuple(map(tuple, rule.credit.tolist())))
        for name, rule in zip(predictor.schema.names, predictor.rules(), strict=True)
    }
    return Card(predictor.schema, predictor.preprocessing.for_others(), rules, predictor.conformal)
