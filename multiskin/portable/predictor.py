"""Grades photos with ONNX Runtime: the counterpart of multiskin.inference.predictor without torch."""

import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from multiskin.conformal.prediction import ConformalSets
from multiskin.data.images import ImageError, read_image
from multiskin.data.preprocessing import Preprocessing
from multiskin.errors import UserError
from multiskin.portable.card import Card
from multiskin.portable.decisions import Rule
from multiskin.portable.pixels import Pixels
from multiskin.portable.results import PhotoResult, Prediction, rows_of
from multiskin.portable.views import ALONE, View, views_of
from multiskin.rules import CREDIT, Credit, checked_credits, require_decision
from multiskin.schema import Schema

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

IMAGE = "image"  # the network's input, (B, S, S, 3) uint8 RGB
REMEDY = "give a file that 'multiskin export' wrote"
INSTALL = "ONNX Runtime is not installed; pip install 'multiskin[onnx]'"


def map_of(name: str) -> str:
    """The name of an attribute's map output (B, h, w); its probabilities (B, K) have the attribute's own name."""
    return f"{name}.map"


@dataclass(frozen=True)
class OnnxPredictor:
    """An exported network with its preprocessing.

    Args:
        session: runs the network.
        card: the metadata of its file.
        pixels: turns a photo into the network's input.
        views: the views of each photo to average probabilities over.
    """

    session: "InferenceSession"
    card: Card
    pixels: Pixels
    views: tuple[View, ...] = ALONE

    @property
    def schema(self) -> Schema:
        return self.card.schema

    @property
    def conformal(self) -> ConformalSets | None:
        return self.card.conformal

    @classmethod
    def from_file(cls, path: str | Path, detector: str | None = None, threads: int = 0) -> "OnnxPredictor":
        """Loads a file that `multiskin export` wrote.

        Args:
            path: the .onnx file.
            detector: where the face detector file is now, if the model was trained with one; by default, a file of the
                same name next to the model.
            threads: number of threads that the network uses; 0 for one per core.

        Raises:
            UserError: the file or its detector does not exist, or the file is not multiskin's, damaged, or without the
                outputs that its schema asks for.
        """
        session = open_session(Path(path), threads)
        card = Card.from_metadata(session.get_modelmeta().custom_metadata_map, str(path))
        card = replace(card, preprocessing=_with_detector(card.preprocessing, Path(path).parent, detector))
        _require_shapes(session, card, str(path))
        try:
            pixels = Pixels(card.preprocessing)
        except (TypeError, ValueError) as error:
            raise UserError(f"{path}: its preprocessing is damaged ({error}); {REMEDY}") from error
        pixels.check()  # before the first photo
        return cls(session, card, pixels)

    def with_decisions(self, decisions: Mapping[str, str]) -> "OnnxPredictor":
        """The same model with other decisions for these heads, by name.

        Raises:
            UserError: the head or decision is unknown, or they do not fit.
        """
        for name, decision in decisions.items():
            require_decision(decision, self.schema[name])
        return self._ruled({name: replace(self.card.rules[name], decision=to) for name, to in decisions.items()})

    def with_credit(self, credit: Mapping[str, Credit], where: str = CREDIT) -> "OnnxPredictor":
        """The same model with heads that maximise expected credit by their matrices (K, K), like Predictor.with_credit.

        Raises:
            UserError: the head is unknown, or its matrix does not fit.
        """
        checked = checked_credits(credit, self.schema, where)
        deciding = self.with_decisions(dict.fromkeys(checked, CREDIT))
        return deciding._ruled({name: replace(deciding.card.rules[name], credit=of) for name, of in checked.items()})

    def _ruled(self, rules: Mapping[str, Rule]) -> "OnnxPredictor":
        return replace(self, card=replace(self.card, rules={**self.card.rules, **rules}))

    def for_group(self, value: str) -> "OnnxPredictor":
        """The same model for photos that all belong to this group, among those its conformal sets are calibrated by.

        Raises:
            UserError: the sets are not calibrated by group, or not for this one.
        """
        return replace(self, card=replace(self.card, conformal=self.conformal and self.conformal.for_group(value)))

    def with_views(self, views: str) -> "OnnxPredictor":
        """The same model, averaging the probabilities of each photo over these views, by their name in VIEWS.

        The averaged probabilities are calibrated if the model is. Priors are kept although they were estimated on
        single views; conformal sets are dropped.

        Raises:
            UserError: the name is unknown.
        """
        return replace(self, views=views_of(views), card=replace(self.card, conformal=None))

    def predict(self, pixels: np.ndarray) -> Prediction:
        """Grades prepared photos (B, S, S, 3) uint8."""
        names = list(self.schema.names)
        by_view = [self.session.run(names, {IMAGE: apply_view(pixels, view)}) for view in self.views]  # (B, K) per head
        rows = [np.mean(of_head, axis=0) for of_head in zip(*by_view, strict=True)]
        return judge(rows, self.schema, self.card.rules)

    @property
    def has_maps(self) -> bool:
        """Whether the file outputs a map for each attribute."""
        there = {each.name for each in self.session.get_outputs()}
        return there.issuperset(map(map_of, self.schema.names))

    def maps(self, pixels: np.ndarray) -> np.ndarray:
        """What each position of prepared photos (B, S, S, 3) adds to each expected grade: (B, H, h, w).

        For nominal attributes, it is what each position adds to the logit of the predicted grade.
        """
        return np.stack(self.session.run([map_of(name) for name in self.schema.names], {IMAGE: pixels}), axis=1)

    def predict_photo(self, photo: np.ndarray) -> Prediction:
        """Grades one photo (h, w, 3) uint8 RGB."""
        return self.predict(self.pixels(photo)[None])

    def sets(self, prediction: Prediction) -> np.ndarray | None:
        """Conformal sets of grades (B, H, Kmax), bool; None if the model has none."""
        if self.conformal is None:
            return None
        return self.conformal.sets_with(prediction.grades, prediction.probabilities)

    def predict_files(
        self, paths: Sequence[str | Path], batch_size: int = 32, num_workers: int | None = None
    ) -> Iterator[PhotoResult]:
        """Grades files in order; a bad file gives a result with its error and does not affect the others.

        Args:
            paths: the files.
            batch_size: number of photos in a batch.
            num_workers: number of threads that read photos; None for one per core.
        """
        threads = os.cpu_count() if num_workers is None else num_workers
        with ThreadPoolExecutor(max(threads or 1, 1)) as pool:
            for start in range(0, len(paths), batch_size):
                batch = map(str, paths[start : start + batch_size])
                yield from self._predict_items(list(pool.map(self._load, batch)))

    def _load(self, path: str) -> "LoadedPhoto":
        try:
            return LoadedPhoto(path, self.pixels(read_image(path)))
        except ImageError as error:
            return LoadedPhoto(path, None, str(error))

    def _predict_items(self, items: Sequence["LoadedPhoto"]) -> Iterator[PhotoResult]:
        pixels = [item.pixels for item in items if item.pixels is not None]
        predictions = rows_of(self.predict(np.stack(pixels))) if pixels else iter(())
        for item in items:
            if item.pixels is None:
                yield PhotoResult(item.path, None, item.error)
            else:
                prediction = next(predictions)  # B = 1
                yield PhotoResult(item.path, prediction, sets=self.sets(prediction))


class LoadedPhoto(NamedTuple):
    path: str
    pixels: np.ndarray | None  # (S, S, 3) uint8
    error: str = ""


def apply_view(pixels: np.ndarray, view: View) -> np.ndarray:
    """Applies a view to prepared photos (B, S, S, 3); keeps the shape."""
    mirrored = pixels[:, :, ::-1] if view.mirrored else pixels
    return np.ascontiguousarray(np.rot90(mirrored, view.turns, axes=(1, 2)))


def judge(rows: Sequence[np.ndarray], schema: Schema, rules: Mapping[str, Rule]) -> Prediction:
    """The prediction from probabilities (B, K), one array per head."""
    photos, width = len(rows[0]), schema.max_grades
    probabilities = np.zeros((photos, len(schema), width), np.float32)
    grades = np.zeros((photos, len(schema)), np.int64)
    scores = np.full((photos, len(schema)), np.nan, np.float32)
    for h, (attribute, row) in enumerate(zip(schema, rows, strict=True)):
        probabilities[:, h, : attribute.grades] = row
        grades[:, h] = rules[attribute.name](row)
        if attribute.ordinal:
            scores[:, h] = row @ np.arange(attribute.grades, dtype=np.float32)
    return Prediction(grades, scores, probabilities)


def open_session(path: Path, threads: int = 0) -> "InferenceSession":
    """A session that runs any ONNX file on the CPU.

    Raises:
        UserError: there is no such file, it is not an ONNX file, or ONNX Runtime is not installed.
    """
    try:
        import onnxruntime
    except ImportError as error:
        raise UserError(INSTALL) from error
    if not path.is_file():
        raise UserError(f"{path}: no such file; {REMEDY}")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 4  # only fatal errors; others are raised as exceptions anyway
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # it raises many types of its own
        reason = type(error).__name__
        raise UserError(f"{path}: not a valid ONNX file, or truncated ({reason}); {REMEDY}") from error


def _with_detector(preprocessing: Preprocessing, folder: Path, given: str | None) -> Preprocessing:
    """With the given detector, or else a file of the recorded name in the folder.

    The recorded path itself is not used, since the model file may come from an untrusted source.
    """
    own = preprocessing.skin.detector
    if given is None and own is None:
        return preprocessing
    return replace(
        preprocessing, skin=replace(preprocessing.skin, detector=given or str(folder / Path(own or "").name))
    )


def _require_shapes(session: "InferenceSession", card: Card, where: str) -> None:
    """Makes sure that inputs and outputs match the schema and the preprocessing.

    Raises:
        UserError: they do not match.
    """
    size = card.preprocessing.input_size
    expected = {IMAGE: ("tensor(uint8)", [size, size, 3])}
    expected |= {attribute.name: ("tensor(float)", [attribute.grades]) for attribute in card.schema}
    there = {each.name: (each.type, each.shape[1:]) for each in (*session.get_inputs(), *session.get_outputs())}
    for name, (kind, shape) in expected.items():
        if there.get(name) != (kind, shape):
            raise UserError(f"{where}: its {name!r} does not match its own schema; {REMEDY}")
