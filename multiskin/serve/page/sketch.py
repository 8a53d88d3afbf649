"""A map without streets: where clinics lie from one place, and how far. Nothing of it is asked of anybody."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from math import cos, floor, hypot, log10, radians, sin
from typing import NamedTuple

from multiskin.serve.nearby import Near

WIDTH, HEIGHT, EDGE = 360, 300, 30  # in the picture's own units
LEAST = 0.2  # km across, where all is in one place
PIN, LETTER = 20, 7  # a pin's height and least width, and what a letter adds
BAR = 0.25  # of the width, at most, of the bar of scale


class Pin(NamedTuple):
    """One clinic, or several that would lie on each other."""

    x: float
    y: float
    numbers: tuple[int, ...]  # as in the list

    @property
    def label(self) -> str:
        """The numbers, three and more in a row as the first and the last."""
        runs: list[list[int]] = []
        for number in self.numbers:
            if runs and number == runs[-1][-1] + 1:
                runs[-1].append(number)
            else:
                runs.append([number])
        return ", ".join(f"{run[0]}–{run[-1]}" if len(run) > 2 else ", ".join(map(str, run)) for run in runs)

    @property
    def width(self) -> int:
        return PIN + LETTER * (len(self.label) - 1)

    def overlaps(self, other: "Pin") -> bool:
        return abs(self.x - other.x) < (self.width + other.width) / 2 and abs(self.y - other.y) < PIN


@dataclass(frozen=True)
class Sketch:
    """What is drawn.

    Attributes:
        x: where the place itself is, from the left.
        y: likewise, from above.
        pins: clinics.
        step: km that the bar is long, and from one ring around the place to the next.
        bar: how long that is in the picture.
        rings: radii in the picture.
    """

    x: float
    y: float
    pins: tuple[Pin, ...]
    step: float
    bar: float
    rings: tuple[float, ...]


def sketch(found: Sequence[Near]) -> Sketch:
    """Draws clinics around a place, north up, all distances and directions from it true (azimuthal equidistant)."""
    east = [near.km * sin(radians(near.bearing)) for near in found]  # km
    south = [-near.km * cos(radians(near.bearing)) for near in found]
    left, right, top, bottom = min(0.0, *east), max(0.0, *east), min(0.0, *south), max(0.0, *south)
    scale = min((WIDTH - 2 * EDGE) / max(right - left, LEAST), (HEIGHT - 2 * EDGE) / max(bottom - top, LEAST))
    x, y = WIDTH / 2 - scale * (left + right) / 2, HEIGHT / 2 - scale * (top + bottom) / 2
    pins = [Pin(x + scale * e, y + scale * s, (n,)) for n, (e, s) in enumerate(zip(east, south, strict=True), start=1)]
    step = round_length(BAR * WIDTH / scale)
    farthest = hypot(max(x, WIDTH - x), max(y, HEIGHT - y))
    rings = tuple(round(n * step * scale, 1) for n in range(1, int(farthest / (step * scale)) + 1))
    placed = tuple(_placed(pin) for pin in apart(pins))
    return Sketch(round(x, 1), round(y, 1), placed, step, round(step * scale, 1), rings)


def apart(pins: Sequence[Pin]) -> list[Pin]:
    """Pins of which none hides another: those that would are one, where they are on average."""
    apart = list(pins)
    while touching := next((pair for pair in combinations(apart, 2) if pair[0].overlaps(pair[1])), None):
        first, second = touching
        apart = [pin for pin in apart if pin not in touching] + [_joined(first, second)]
    return apart


def _joined(first: Pin, second: Pin) -> Pin:
    share = len(second.numbers) / (len(first.numbers) + len(second.numbers))
    x, y = first.x + share * (second.x - first.x), first.y + share * (second.y - first.y)
    return Pin(x, y, tuple(sorted(first.numbers + second.numbers)))


def _placed(pin: Pin) -> Pin:
    """Within the picture, however wide it is."""
    half = pin.width / 2 + 2
    return pin._replace(x=round(min(max(pin.x, half), WIDTH - half), 1), y=round(pin.y, 1))


def round_length(most: float) -> float:
    """The longest of 1, 2, 5, 10, ... that is no longer; of a tenth of them, and so on."""
    unit = 10.0 ** floor(log10(most))
    return next(factor * unit for factor in (5, 2, 1) if factor * unit <= most * (1 + 1e-9))
