"""A map without streets that shows direction and distance of clinics from a place, without any map service."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from math import cos, floor, hypot, log10, radians, sin
from typing import NamedTuple

from multiskin.serve.nearby import Near

WIDTH, HEIGHT, EDGE = 360, 300, 30  # in SVG units
LEAST = 0.2  # km: minimum extent, if all clinics are in one place
PIN, LETTER = 20, 7  # a pin's height and minimum width, and the additional width per letter
BAR = 0.25  # maximum length of the scale bar, as a share of the width


class Pin(NamedTuple):
    """One clinic, or several whose pins would overlap."""

    x: float
    y: float
    numbers: tuple[int, ...]  # as in the list

    @property
    def label(self) -> str:
        """The numbers; runs of three or more as a range."""
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
    """The drawing, in SVG units except for `step`.

    Attributes:
        x: x of the place searched from.
        y: y of the place searched from.
        pins: the clinics.
        step: length of the scale bar and distance between rings, in km.
        bar: length of the scale bar.
        rings: radii of the rings around the place.
    """

    x: float
    y: float
    pins: tuple[Pin, ...]
    step: float
    bar: float
    rings: tuple[float, ...]


def sketch(found: Sequence[Near]) -> Sketch:
    """Draws clinics around a place, north up, in the azimuthal equidistant projection centred on it.

    Distances and directions from the place are true.
    """
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
    """Merges overlapping pins until none overlap; merged pins are at the mean position of their clinics."""
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
    """A pin moved to lie horizontally within the picture, and rounded."""
    half = pin.width / 2 + 2
    return pin._replace(x=round(min(max(pin.x, half), WIDTH - half), 1), y=round(pin.y, 1))


def round_length(most: float) -> float:
    """The largest length of the form 1, 2 or 5 times a power of ten that does not exceed a maximum."""
    unit = 10.0 ** floor(log10(most))
    return next(factor * unit for factor in (5, 2, 1) if factor * unit <= most * (1 + 1e-9))
