"""From photos of one person to a report: quality checks, and a forward pass in batches shared with other callers."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from hashlib import blake2b
from typing import NamedTuple

import numpy as np
import torch

from multiskin.explain.cam import head_maps
from multiskin.explain.photos import HeadExplanation, PreparedPhoto, explanations, prepare
from multiskin.faces.step import uncut
from multiskin.inference.fusion import Fused, fuse, graded_in
from multiskin.inference.predictor import Prediction, Predictor
from multiskin.portable.card import finite
from multiskin.schema import Schema
from multiskin.serve.batching import Batcher
from multiskin.serve.quality import Quality, measure
from multiskin.serve.report import AttributeReport, DerivedReport, Photo, PhotoReport, Report


class Reading(NamedTuple):
    """The network's output for one photo.

    Attributes:
        probabilities: (H, Kmax).
        maps: the map of each attribute, by name.
    """

    probabilities: np.ndarray
    maps: dict[str, HeadExplanation]


class Engine:
    """A model shared by all callers; `report` is thread-safe.

    Args:
        predictor: the model.
        largest: maximum number of photos in a batch.
        waiting: maximum number of photos that wait for a batch, and thus of photos per report.

    Raises:
        UserError: the model's face detector cannot be found.
    """

    def __init__(self, predictor: Predictor, largest: int = 16, waiting: int = 64) -> None:
        predictor.transform()  # fails now, rather than for the first photo, if something is missing
        self.predictor = predictor
        self.model = _fingerprint(predictor)
        self._batcher = Batcher(self._read, largest, waiting)

    @property
    def schema(self) -> Schema:
        return self.predictor.schema

    @property
    def parts(self) -> tuple[str, ...]:
        """The parts of the face or body that the model distinguishes, sorted by name."""
        return tuple(sorted({part for graded in self.predictor.parts.values() for part in graded}))

    def report(self, photos: Sequence[Photo]) -> Report:
        """Grades one or more photos of one person.

        Raises:
            Busy: too many photos are waiting already; none of these is graded.
            Closed: after `close`.
        """
        self._batcher.require_room(len(photos))  # before any work is done
        transform = self.predictor.transform()  # one per caller, since it may be stateful
        prepared = [prepare(photo.pixels, photo.name, [transform]) for photo in photos]
        futures = self._batcher.submit_all(prepared)
        qualities = self._qualities(photos, prepared)  # while the network works
        readings = [future.result() for future in futures]
        against = self._reasons_against(photos, qualities)
        counted = np.array([[not reasons for reasons in of_photo] for of_photo in against])  # (N, H)
        fused = fuse(np.stack([reading.probabilities for reading in readings]), counted)
        looked_at = zip(photos, prepared, qualities, readings, counted, strict=True)
        attributes = tuple(self._attribute_reports(photos, fused, against))
        grades = {each.attribute.name: each.grade for each in attributes}
        return Report(
            attributes,
            tuple(self._photo_report(*each) for each in looked_at),
            self.model,
            tuple(DerivedReport(each, each.label(grades)) for each in self.schema.derived),
        )

    def close(self) -> None:
        """Grades the waiting photos, and accepts no more."""
        self._batcher.close()

    def _read(self, photos: list[PreparedPhoto]) -> list[Reading]:
        images = torch.stack([photo.images[0] for photo in photos]).to(self.predictor.device)
        found = head_maps(self.predictor.net, images)
        prediction = self.predictor.predict_logits(found.output.logits)
        maps = explanations(self.schema, prediction, found, [photo.regions[0] for photo in photos])
        return [Reading(*each) for each in zip(prediction.probabilities, maps, strict=True)]

    def _qualities(self, photos: Sequence[Photo], prepared: Sequence[PreparedPhoto]) -> list[Quality]:
        size = self.predictor.preprocessing.input_size
        return [measure(photo.pixels, ready.framing, size) for photo, ready in zip(photos, prepared, strict=True)]

    def _reasons_against(self, photos: Sequence[Photo], qualities: Sequence[Quality]) -> list[list[tuple[str, ...]]]:
        """Why each of N photos does not count for each of H attributes, as code words; empty if it does."""
        graded = graded_in(self.schema, self.predictor.parts, [photo.part for photo in photos])
        return [
            [
                quality.why_not(attribute) if shown else ("part",)
                for attribute, shown in zip(self.schema, of_photo, strict=True)
            ]
            for quality, of_photo in zip(qualities, graded, strict=True)
        ]

    def _attribute_reports(
        self, photos: Sequence[Photo], fused: Fused, against: Sequence[Sequence[tuple[str, ...]]]
    ) -> Iterator[AttributeReport]:
        prediction = self.predictor.judge(torch.from_numpy(fused.probabilities)[None].to(self.predictor.device))
        grades, scores, _ = (values[0] for values in prediction)
        sets = self._sets(photos, prediction)
        for h, attribute in enumerate(self.schema):
            counted = tuple(np.flatnonzero(fused.counted[:, h]).tolist())
            if not counted:
                codes = dict.fromkeys(code for of_photo in against for code in of_photo[h])
                yield AttributeReport(attribute, why_not=tuple(codes))
                continue
            grade, shares = int(grades[h]), tuple(fused.probabilities[h, : attribute.grades].tolist())
            score = float(scores[h]) if attribute.ordinal else None
            likely = None if sets is None else tuple(np.flatnonzero(sets[h]).tolist())
            yield AttributeReport(attribute, grade, score, shares, shares[grade], likely, True, counted=counted)

    def _sets(self, photos: Sequence[Photo], prediction: Prediction) -> np.ndarray | None:
        """The conformal set of each head's grades (H, Kmax); None for several photos, which have no guarantee."""
        sets = self.predictor.sets(prediction, {"part": [photos[0].part or ""]}) if len(photos) == 1 else None
        return None if sets is None else sets[0]

    def _photo_report(
        self, photo: Photo, ready: PreparedPhoto, quality: Quality, reading: Reading, counts: np.ndarray
    ) -> PhotoReport:
        in_vain = self.predictor.preprocessing.skin.crop and ready.framing is uncut
        notes = quality.notes() + (("no_face",) if in_vain else ())
        names = [name for name, here in zip(self.schema.names, counts, strict=True) if here]
        maps = {name: reading.maps[name] for name in names}
        return PhotoReport(photo.name, photo.part, ready.pixels, quality, maps, notes)


def _fingerprint(predictor: Predictor) -> str:
    """A hash of a model's weights, attributes and preprocessing, the same wherever it is loaded.

    Includes calibration, decisions, credit and conformal sets if the model has any.
    """
    skin = replace(predictor.preprocessing.skin, detector=None)  # its path, which may change
    graded = [(attribute.name, attribute.grades) for attribute in predictor.schema]
    digest = blake2b(repr((graded, replace(predictor.preprocessing, skin=skin))).encode(), digest_size=6)
    if predictor.calibrators or predictor.decisions:
        digest.update(repr((sorted(predictor.calibrators.items()), sorted(predictor.decisions.items()))).encode())
    if predictor.credit:
        digest.update(repr(sorted(predictor.credit.items())).encode())
    if predictor.conformal is not None:
        digest.update(repr(finite(predictor.conformal).to_dict()).encode())  # the same after saving for the hub
    for name, tensor in predictor.net.state_dict().items():
        digest.update(name.encode())
        digest.update(tensor.cpu().flatten().view(torch.uint8).numpy())
    return digest.hexdigest()
