"""The four parts of a face as bare ground, by name; a side is photographed from the left and from the right."""

from collections.abc import Callable

import numpy as np

from multiskin.data.render.ground import Ground
from multiskin.data.render.parts.centre import centre
from multiskin.data.render.parts.chin import chin
from multiskin.data.render.parts.forehead import forehead
from multiskin.data.render.parts.side import side
from multiskin.data.render.person import Person

Part = Callable[[np.ndarray, np.ndarray, Person, np.random.Generator], Ground]
PARTS: dict[str, Part] = {"side": side, "forehead": forehead, "centre": centre, "chin": chin}
