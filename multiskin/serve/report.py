"""The report on the photos of one person, with code words that pages translate."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from multiskin.derived import Derived
from multiskin.explain.photos import HeadExplanation
from multiskin.schema import Attribute
from multiskin.serve.quality import Quality

DIGITS = 6  # decimal places of numbers in plain reports


class Photo(NamedTuple):
    """A photo to score.

    Attributes:
        pixels: (h, w, 3) uint8 RGB, upright.
        part: the part of the face or body that it shows; None if unknown.
        name: its name in reports and messages.
    """

    pixels: np.ndarray
    part: str | None = None
    name: str = "photo"


class DerivedReport(NamedTuple):
    """A label derived from the grades.

    Attributes:
        derived: the rules it is derived by.
        label: the name of the label; None if a grade is missing.
    """

    derived: Derived
    label: str | None


@dataclass(frozen=True)
class AttributeReport:
    """The result of all photos for one attribute.

    Attributes:
        attribute: the attribute.
        grade: the predicted grade; like all numbers, None if the attribute does not apply.
        score: the expected grade; None for nominal attributes, too.
        probabilities: (K,).
        confidence: the probability of the grade.
        likely: the conformal set of grades; None if the model has none, or for several photos, which have no guarantee.
        applies: whether any photo counts for the attribute.
        why_not: why no photo counts, as code words: dark, bright, tiny, no_skin, blurred, small, part.
        counted: the indices of the photos that count.
    """

    attribute: Attribute
    grade: int | None = None
    score: float | None = None
    probabilities: tuple[float, ...] | None = None
    confidence: float | None = None
    likely: tuple[int, ...] | None = None
    applies: bool = False
    why_not: tuple[str, ...] = ()
    counted: tuple[int, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        return {
            "name": self.attribute.name,
            "grade": self.grade,
            "score": _rounded(self.score),
            "probabilities": None if self.probabilities is None else [_rounded(share) for share in self.probabilities],
            "confidence": _rounded(self.confidence),
            "likely": None if self.likely is None else list(self.likely),
            "applies": self.applies,
            "why_not": list(self.why_not),
            "photos": list(self.counted),
        }


@dataclass(frozen=True)
class PhotoReport:
    """The quality of one photo, and its maps.

    Attributes:
        name: as given.
        part: as given.
        pixels: (h, w, 3) uint8, as shown; the cropped face if the model crops.
        quality: the measured quality.
        maps: the maps of the attributes that this photo counts for, by name.
        notes: code words of quality problems, and no_face if the model crops faces but found none.
    """

    name: str
    part: str | None
    pixels: np.ndarray
    quality: Quality
    maps: dict[str, HeadExplanation]
    notes: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        quality = {key: _rounded(value) for key, value in self.quality._asdict().items()}
        return {"name": self.name, "part": self.part, "quality": quality, "notes": list(self.notes)}


@dataclass(frozen=True)
class Report:
    """The report on the photos of one person.

    Attributes:
        attributes: in the schema's order.
        photos: in the order given.
        model: the fingerprint of the model.
        derived: labels derived from the grades.
    """

    attributes: tuple[AttributeReport, ...]
    photos: tuple[PhotoReport, ...]
    model: str
    derived: tuple[DerivedReport, ...] = ()

    def __getitem__(self, name: str) -> AttributeReport:
        return next(each for each in self.attributes if each.attribute.name == name)

    def to_dict(self) -> dict[str, Any]:
        """Plain containers without pictures, as in the API's answers and in the history."""
        content = {
            "model": self.model,
            "attributes": [each.to_dict() for each in self.attributes],
            "photos": [each.to_dict() for each in self.photos],
        }
        return content | ({"derived": {each.derived.name: each.label for each in self.derived}} if self.derived else {})


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, DIGITS)
