"""Oil: a greasy film over the T-zone that gathers the light of the broad highlight into sharp, bright patches."""

import numpy as np

from multiskin.data.render.geometry import step
from multiskin.data.render.ground import Ground
from multiskin.data.render.noise import fractal, smooth

THICKEST = 4.0  # strength of the sharp highlight under the thickest film


def draw(ground: Ground, severity: float, rng: np.random.Generator) -> np.ndarray:
    """Spreads the film; the mask is where this light makes it gleam."""
    pools = fractal(rng, ground.shape, 9) + 0.4 * smooth(rng, ground.shape, 30)
    pores = smooth(rng, ground.shape, 45)
    zone = ground.skin * (0.25 + 0.75 * ground.regions["shine"])
    edge = 1.6 - 2.9 * severity
    cover = zone * step(edge - 0.5, edge + 0.7, pools) * step(0, 0.1, severity)
    film = cover * (0.10 + 0.90 * severity)
    ground.film += THICKEST * film * np.clip(1 + 0.5 * pores, 0.2, None)
    ground.sheen *= 1 - 0.8 * film
    return np.clip(1.6 * film * ground.regions["gleam"], 0, 1)
