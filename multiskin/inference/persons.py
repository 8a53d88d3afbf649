"""Evaluates a model on persons, each graded from all of their photos together, rather than on single photos."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch

from multiskin.data.manifest import Manifest
from multiskin.decisions import argmax, median
from multiskin.inference.fusion import fuse, graded_in
from multiskin.inference.measures import measure, plain
from multiskin.inference.predictor import Prediction, Predictor
from multiskin.schema import MISSING, Schema


@dataclass(frozen=True)
class Persons:
    """The predictions for S persons, and their metrics.

    Attributes:
        schema: the heads.
        photos: (S,) int64, the number of photos of each person, by name.
        graded: (S, H, Kmax) int64, the number of these photos with each grade.
        grades: (S, H) int64, true grades, -1 if no photo is graded.
        prediction: for each person; grade -1 and the rest NaN if no photo shows the attribute.
        metrics: by "HEAD/METRIC" and "mean/METRIC".
        confusion: (H, Kmax, Kmax), true grade in rows.
    """

    schema: Schema
    photos: pd.Series
    graded: np.ndarray
    grades: np.ndarray
    prediction: Prediction
    metrics: dict[str, float]
    confusion: np.ndarray

    def __len__(self) -> int:
        return len(self.photos)

    @property
    def several(self) -> np.ndarray:
        """The number of persons with several graded photos, for each head (H,)."""
        return (self.graded.sum(axis=-1) > 1).sum(axis=0)

    @property
    def differing(self) -> np.ndarray:
        """The number of persons whose photos have different grades, for each head (H,)."""
        return ((self.graded > 0).sum(axis=-1) > 1).sum(axis=0)

    def to_dict(self) -> dict[str, Any]:
        """Plain containers for JSON; a value that does not exist is null."""
        content = {"persons": len(self)} | plain(self.metrics, self.confusion, self.schema)
        for attribute, several, differing in zip(self.schema, self.several, self.differing, strict=True):
            content["heads"][attribute.name] |= {"several": int(several), "differing": int(differing)}
        return content


def measure_persons(predictor: Predictor, manifest: Manifest, prediction: Prediction) -> Persons | None:
    """Evaluates a model on the known persons who have a graded photo.

    As in the demo, each attribute is graded from all photos of parts that show it, graded or not, by averaging their
    probabilities; a photo that is graded for an attribute counts as showing it.

    Args:
        predictor: the model.
        manifest: the photos.
        prediction: the predictions for these photos.

    Returns:
        The results; None if no known person has several graded photos, since they would be those of single photos.
    """
    by_person = _photos_by_person(manifest)
    if not any((manifest.grades[rows] != MISSING).any(axis=1).sum() > 1 for rows in by_person.values()):
        return None
    shown = _shown(predictor, manifest)
    fused = [fuse(prediction.probabilities[rows], shown[rows]) for rows in by_person.values()]
    probabilities = torch.from_numpy(np.stack([of_person.probabilities for of_person in fused]))
    together = predictor.judge(probabilities.to(predictor.device))
    graded = np.stack([_grade_counts(manifest.grades[rows], manifest.schema) for rows in by_person.values()])
    grades = true_grades(graded, manifest.schema)
    photos = pd.Series({name: len(rows) for name, rows in by_person.items()})
    measured = measure(together, grades, manifest.schema)
    shown_at_all = np.stack([of_person.counted.any(axis=0) for of_person in fused])
    return Persons(manifest.schema, photos, graded, grades, _mask_unshown(together, shown_at_all), *measured)


def _mask_unshown(prediction: Prediction, shown: np.ndarray) -> Prediction:
    """The prediction, made missing where no photo of a person shows an attribute; shown (S, H) bool."""
    return Prediction(
        np.where(shown, prediction.grades, MISSING),
        np.where(shown, prediction.scores, np.nan),
        np.where(shown[..., None], prediction.probabilities, np.nan),
    )


def _photos_by_person(manifest: Manifest) -> dict[str, np.ndarray]:
    """The positions of all photos of each known person who has a graded one, by name."""
    if manifest.subject is None:
        return {}
    graded = (manifest.grades != MISSING).any(axis=1)
    by_name = pd.Series(manifest.subject).groupby(manifest.subject).indices
    return {str(name): np.asarray(rows) for name, rows in by_name.items() if name and graded[rows].any()}


def _shown(predictor: Predictor, manifest: Manifest) -> np.ndarray:
    """Which photos show which attribute: (N, H) bool."""
    parts = [None] * len(manifest) if manifest.part is None else manifest.part.tolist()
    return graded_in(manifest.schema, predictor.parts, parts) | (manifest.grades != MISSING)


def _grade_counts(grades: np.ndarray, schema: Schema) -> np.ndarray:
    """The number of photos with each grade (H, Kmax), from grades (N, H)."""
    return (grades[..., None] == np.arange(schema.max_grades)).sum(axis=0)


def true_grades(graded: np.ndarray, schema: Schema) -> np.ndarray:
    """Persons' true grades (S, H), -1 if no photo is graded.

    For ordered grades, this is the median of the photos' grades, which minimises the absolute error to them, the lower
    of two in the middle; for nominal grades it is the most frequent one, the lowest in a tie.

    Args:
        graded: (S, H, Kmax), the number of photos with each grade.
        schema: the H heads.
    """
    number = graded.sum(axis=-1, keepdims=True)  # (S, H, 1)
    shares = torch.from_numpy(graded / np.maximum(number, 1))
    middle = [(median if head.ordinal else argmax)(shares[:, h]) for h, head in enumerate(schema)]
    return np.where(number[..., 0] > 0, torch.stack(middle, dim=1).numpy(), MISSING)
