"""Photographs in, grades out, with ONNX Runtime: what multiskin.inference.predictor does, without torch."""

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
    """An exported network with its way of preparing photographs.

    Args:
        session: what runs it.
        card: what its file says about it.
        pixels: how a photo becomes its input.
        views: the views of each photo that its probabilities are averaged over.
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
        """Loads what `multiskin export` has written.

        Args:
            path: the .onnx file.
            detector: where the file that finds faces is now, if the model was trained with one; by default it is looked
                for next to the model by its name.
            threads: how many the network uses; 0 for as many as there are cores.

        Raises:
            UserError: no such file, one that is not multiskin's, or one without the outputs that it says it has.
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
            UserError: an unknown head or decision, or one that does not fit the head.
        """
        for name, decision in decisions.items():
            require_decision(decision, self.schema[name])
        return self._ruled({name: replace(self.card.rules[name], decision=to) for name, to in decisions.items()})

    def with_credit(self, credit: Mapping[str, Credit], where: str = CREDIT) -> "OnnxPredictor":
        """Like Predictor.with_credit: these heads decide for what earns most by their matrices (K, K).

        Raises:
            UserError: likewise.
        """
        checked = checked_credits(credit, self.schema, where)
        deciding = self.with_decisions(dict.fromkeys(checked, CREDIT))
        return deciding._ruled({name: replace(deciding.card.rules[name], credit=of) for name, of in checked.items()})

    def _ruled(self, rules: Mapping[str, Rule]) -> "OnnxPredictor":
        return replace(self, card=replace(self.card, rules={**self.card.rules, **rules}))

    def for_group(self, value: str) -> "OnnxPredictor":
        """The same model for photos that all have this value of the group that its sets are promised for.

        Raises:
            UserError: the sets are for no group, or not for this value.
        """
        return replace(self, card=replace(self.card, conformal=self.conformal and self.conformal.for_group(value)))

    def with_views(self, views: str) -> "OnnxPredictor":
        """The same model, which scores a photo as the mean over these views of it, by their name in VIEWS.

        The mean is over the probabilities that the file gives, which are calibrated if the model is. Priors are kept,
        although they were found on single views; sets of grades are not.

        Raises:
            UserError: an unknown name.
        """
        return replace(self, views=views_of(views), card=replace(self.card, conformal=None))

    def predict(self, pixels: np.ndarray) -> Prediction:
        """Grades prepared photos (B, S, S, 3) uint8."""
        names = list(self.schema.names)
        by_view = [self.session.run(names, {IMAGE: seen(pixels, view)}) for view in self.views]  # (B, K) per head
        rows = [np.mean(of_head, axis=0) for of_head in zip(*by_view, strict=True)]
        return judge(rows, self.schema, self.card.rules)

    @property
    def has_maps(self) -> bool:
        """Whether the file has the attributes' maps."""
        there = {each.name for each in self.session.get_outputs()}
        return there.issuperset(map(map_of, self.schema.names))

    def maps(self, pixels: np.ndarray) -> np.ndarray:
        """What each position of prepared photos (B, S, S, 3) adds to each expected grade: (B, H, h, w).

        For a nominal attribute it is what each adds to the logit of the predicted grade.
        """
        return np.stack(self.session.run([map_of(name) for name in self.schema.names], {IMAGE: pixels}), axis=1)

    def predict_photo(self, photo: np.ndarray) -> Prediction:
        """Grades one photo (h, w, 3) uint8 RGB."""
        return self.predict(self.pixels(photo)[None])

    def sets(self, prediction: Prediction) -> np.ndarray | None:
        """Sets of grades (B, H, Kmax) that hold the true ones as often as promised; None where nothing was."""
        if self.conformal is None:
            return None
        return self.conformal.around(prediction.grades, prediction.probabilities)

    def predict_files(
        self, paths: Sequence[str | Path], batch_size: int = 32, num_workers: int | None = None
    ) -> Iterator[PhotoResult]:
        """Grades files in order; a bad file gives a result with its error and does not affect the others.

        Args:
            paths: the files.
            batch_size: photos at once.
            num_workers: threads that read photos; default: by the number of cores.
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


def seen(pixels: np.ndarray, view: View) -> np.ndarray:
    """Prepared photos (B, S, S, 3) in a view, the same shape."""
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
    """A session that runs an ONNX file on the CPU, whoever wrote it.

    Raises:
        UserError: no such file, not an ONNX file, or no ONNX Runtime.
    """
    try:
        import onnxruntime
    except ImportError as error:
        raise UserError(INSTALL) from error
    if not path.is_file():
        raise UserError(f"{path}: no such file; {REMEDY}")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 4  # what stops it is raised as well
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # it raises many kinds of its own
        reason = type(error).__name__
        raise UserError(f"{path}: not readable as ONNX ({reason}), or cut short; {REMEDY}") from error


def _with_detector(preprocessing: Preprocessing, folder: Path, given: str | None) -> Preprocessing:
    """With the given detector, or the one of that name in the folder; no file may point us anywhere else."""
    own = preprocessing.skin.detector
    if given is None and own is None:
        return preprocessing
    return replace(
        preprocessing, skin=replace(preprocessing.skin, detector=given or str(folder / Path(own or "").name))
    )


def _require_shapes(session: "InferenceSession", card: Card, where: str) -> None:
    """Makes sure that inputs and outputs are those of the schema and the preprocessing."""
    size = card.preprocessing.input_size
    expected = {IMAGE: ("tensor(uint8)", [size, size, 3])}
    expected |= {attribute.name: ("tensor(float)", [attribute.grades]) for attribute in card.schema}
    there = {each.name: (each.type, each.shape[1:]) for each in (*session.get_inputs(), *session.get_outputs())}
    for name, (kind, shape) in expected.items():
        if there.get(name) != (kind, shape):
            raise UserError(f"{where}: its {name!r} does not match its own schema; {REMEDY}")
