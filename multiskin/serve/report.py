"""What is said of the photos of one person, in words that programs understand; a page has words for people."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from multiskin.derived import Derived
from multiskin.explain.photos import HeadExplanation
from multiskin.schema import Attribute
from multiskin.serve.quality import Quality

DIGITS = 6  # of numbers in plain reports


class Photo(NamedTuple):
    """A photo that somebody gives.

    Attributes:
        pixels: (h, w, 3) uint8 RGB, upright.
        part: which part of the face or body it shows; None where nobody said.
        name: what to call it.
    """

    pixels: np.ndarray
    part: str | None = None
    name: str = "photo"


class DerivedReport(NamedTuple):
    """What follows from the grades.

    Attributes:
        derived: by which rules.
        label: by its name; None where a grade is lacking.
    """

    derived: Derived
    label: str | None


@dataclass(frozen=True)
class AttributeReport:
    """What all photos say of one attribute.

    Attributes:
        attribute: which.
        grade: decided; None, as all numbers are, where the attribute does not apply.
        score: the expected grade; None for a nominal attribute, too.
        probabilities: (K,).
        confidence: the probability of the grade.
        likely: the grades that hold the true one as often as the model promises; None where it promises nothing, as
            it does of several photos together.
        applies: whether any photo counts for it.
        why_not: if none does, why, as code words: dark, bright, tiny, no_skin, blurred, small, part.
        counted: the positions of the photos that count.
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
    """What one photo is like, and where in it the network sees what it says.

    Attributes:
        name: as given.
        part: as given.
        pixels: (h, w, 3) uint8, as shown; the cropped face where the model crops.
        quality: measured.
        maps: by attribute, of those that this photo counts for.
        notes: code words: what the gate found, and no_face where the model looks for one in vain.
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
    """What the photos of one person say.

    Attributes:
        attributes: in the schema's order.
        photos: in the order given.
        model: a word that no other model has.
        derived: labels that follow from the grades.
    """

    attributes: tuple[AttributeReport, ...]
    photos: tuple[PhotoReport, ...]
    model: str
    derived: tuple[DerivedReport, ...] = ()

    def __getitem__(self, name: str) -> AttributeReport:
        return next(each for each in self.attributes if each.attribute.name == name)

    def to_dict(self) -> dict[str, Any]:
        """Plain containers without pictures, as the API answers and the history keeps them."""
        content = {
            "model": self.model,
            "attributes": [each.to_dict() for each in self.attributes],
            "photos": [each.to_dict() for each in self.photos],
        }
        return content | ({"derived": {each.derived.name: each.label for each in self.derived}} if self.derived else {})


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, DIGITS)
