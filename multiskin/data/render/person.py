"""The person in the photo: properties of skin, hair and eyes that all photos of a person share."""

from dataclasses import dataclass

import numpy as np

from multiskin.data.render.tones import lab_to_linear, skin_colour

HAIR = np.array([[5, 1, 1], [11, 4, 5], [20, 7, 11], [40, 8, 22], [50, 1, 5]], dtype=np.float32)  # Lab, black to grey
IRIS = np.array([[22, 8, 12], [30, 10, 18], [46, -6, 8], [56, -3, -10]], dtype=np.float32)  # brown to blue


@dataclass(frozen=True)
class Person:
    tone: int  # 0..5 for Fitzpatrick I..VI
    colour: np.ndarray  # of the skin, linear light, (3,)
    flush: float  # natural redness of cheeks and nose, density of haemoglobin
    freckles: float  # of the finest grain, density of melanin
    moles: int  # at most so many in one photo
    sheen: float  # of dry skin
    pores: float
    hair: np.ndarray  # (3,)
    iris: np.ndarray
    cloth: np.ndarray
    wall: np.ndarray
    hairline: float  # offset upwards, units of x


def draw_person(rng: np.random.Generator, tone: int) -> Person:
    """A random person of that tone, whose properties are unrelated to any grade and vary more than the grades do."""
    dark = rng.random() < tone / 3  # fair hair and light eyes come with fair skin
    hair, iris = (int(rng.integers(2)), 0) if dark else (int(rng.integers(5)), int(rng.integers(4)))
    return Person(
        tone=tone,
        colour=skin_colour(tone, rng.normal(0, 0.07), rng.normal(0, 0.14)),
        flush=rng.uniform(0.0, 0.45),
        freckles=rng.uniform(0.0, 0.10),
        moles=int(rng.integers(3)),
        sheen=rng.uniform(0.5, 1.5),
        pores=rng.uniform(0.5, 1.3),
        hair=lab_to_linear(HAIR[hair]),
        iris=lab_to_linear(IRIS[iris]),
        cloth=lab_to_linear(np.array([rng.uniform(15, 90), rng.normal(0, 18), rng.normal(0, 18)])),
        wall=lab_to_linear(np.array([rng.uniform(25, 92), rng.normal(0, 7), rng.normal(0, 9)])),
        hairline=rng.normal(0, 0.06),
    )
