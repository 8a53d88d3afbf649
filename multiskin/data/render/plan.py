"""Plans the photos of a set: five per person, with the severity of each condition."""

from collections.abc import Sequence
from zlib import crc32

import numpy as np

from multiskin.data.render.conditions import CONDITIONS
from multiskin.data.render.faces import Face
from multiskin.data.render.grades import draw_severity, grade_of, rate, spread
from multiskin.data.render.photo import SIZE, Shot
from multiskin.data.render.tones import TONES

PHOTOS = (("side", False), ("side", True), ("forehead", False), ("centre", False), ("chin", False))  # part, mirrored


def plan_shots(
    seed: int, persons: Sequence[int], evenness: float = 0, size: int = SIZE, faces: Sequence[Face] = ()
) -> list[Shot]:
    """Five shots for each person, in order; grades do not depend on tones.

    Args:
        seed: seed of all random numbers.
        persons: their numbers, which must differ between plans, since one person is one subject.
        evenness: 0 for grades as skewed as in the five-model system's training set, 1 for equally many of each grade.
        size: height and width of the photos, pixels.
        faces: photographs to draw on, distributed evenly over the persons; none for drawn faces, which have all tones
            equally often.
    """
    rng = np.random.default_rng([seed, *persons])
    sitters = [faces[i % len(faces)] if faces else None for i in range(len(persons))]
    drawn = rng.permutation(np.arange(len(persons)) % len(TONES)).tolist()
    tones = [face.tone if face else tone for face, tone in zip(sitters, drawn, strict=True)]
    places = [(i, number) for i in range(len(persons)) for number in range(len(PHOTOS))]
    severities: dict[tuple[int, int], list[tuple[str, float]]] = {place: [] for place in places}
    for name, condition in CONDITIONS.items():
        graded = [place for place in places if PHOTOS[place[1]][0] in condition.parts]
        grades = spread(condition.histogram, evenness, len(graded), rng)
        for place, grade in zip(graded, grades, strict=True):
            severities[place].append((name, draw_severity(grade, rng)))
    return [
        Shot(seed, persons[i], number, *PHOTOS[number], tones[i], tuple(severities[i, number]), size, sitters[i])
        for i, number in places
    ]


def true_grades(shot: Shot) -> dict[str, int]:
    """The grades of the severities."""
    return {name: grade_of(severity) for name, severity in shot.severities}


def rated_grades(shot: Shot, rater: int) -> dict[str, int]:
    """The grades of one rater; raters err independently of each other."""
    return {
        name: rate(grade, np.random.default_rng([shot.seed, shot.person, shot.number, crc32(name.encode()), 1 + rater]))
        for name, grade in true_grades(shot).items()
    }
