"""Bare procedural skin: uneven pigment, pores and moles."""

import numpy as np

from multiskin.data.render.geometry import radius, step
from multiskin.data.render.ground import Ground
from multiskin.data.render.noise import fractal, smooth
from multiskin.data.render.person import Person
from multiskin.data.render.tones import HAEMOGLOBIN, MELANIN

PORE_CELLS = 85


def bare_skin(
    part: str,
    x: np.ndarray,
    y: np.ndarray,
    form: np.ndarray,
    regions: dict[str, np.ndarray],
    person: Person,
    rng: np.random.Generator,
) -> Ground:
    """Skin of this person over a form, without any graded condition; by default without lips and evenly dry."""
    shape = x.shape
    ones = np.ones(shape, np.float32)
    pores = smooth(rng, shape, PORE_CELLS)
    ground = Ground(
        part=part,
        x=x,
        y=y,
        skin=ones.copy(),
        regions={"lips": np.zeros(shape, np.float32), "dry": ones.copy()} | regions,
        albedo=np.broadcast_to(person.colour, (*shape, 3)).astype(np.float32),
        form=form,
        solid=ones.copy(),
        relief=0.0011 * person.pores * (pores + 0.6 * smooth(rng, shape, PORE_CELLS / 2)),
        sheen=person.sheen * (1 + 0.12 * smooth(rng, shape, 12)),
        film=np.zeros(shape, np.float32),
    )
    grain = np.maximum(smooth(rng, shape, 60) - 0.8, 0)
    ground.stain(0.05 * fractal(rng, shape, 4) + 0.02 * pores + person.freckles * grain, MELANIN)
    ground.stain(person.flush * regions["flush"] + 0.07 * fractal(rng, shape, 3) + 0.02 * pores, HAEMOGLOBIN)
    for _ in range(int(rng.integers(person.moles + 1))):
        add_mole(ground, rng)
    return ground


def add_mole(ground: Ground, rng: np.random.Generator) -> None:
    """A small raised mole, nearly black, which is not a sign of any condition."""
    centre, size = (rng.uniform(-0.8, 0.8), rng.uniform(-0.8, 0.8)), rng.uniform(0.018, 0.03)
    mole = step(1.25, 0.7, radius(ground.x, ground.y, centre, (size, size)))
    ground.stain(1.3 * mole, MELANIN)
    ground.relief += 0.012 * mole
