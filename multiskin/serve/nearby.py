"""The clinics nearest to a place, on a spherical earth."""

import re
from collections.abc import Iterable
from heapq import nsmallest
from math import asin, atan2, cos, degrees, radians, sin, sqrt
from typing import NamedTuple

from multiskin.serve.clinics import Clinic, Place

RADIUS = 6371.0088  # km: the earth's mean radius (IUGG)
MOST = 10  # clinics in an answer
NUMBER = r"([-+]?\d{1,3}(?:\.\d{1,20})?)"


class Near(NamedTuple):
    """A clinic as seen from a place.

    Attributes:
        clinic: the clinic.
        km: the distance to it, along the earth's surface.
        bearing: the initial direction to it, in degrees clockwise from north.
    """

    clinic: Clinic
    km: float
    bearing: float


def nearest(clinics: Iterable[Clinic], place: Place, most: int = MOST) -> list[Near]:
    """The nearest clinics, nearest first; ties in the order of the list."""
    found = ((distance(place, clinic.place), number, clinic) for number, clinic in enumerate(clinics))
    return [Near(clinic, km, bearing(place, clinic.place)) for km, _, clinic in nsmallest(most, found)]


def distance(first: Place, second: Place) -> float:
    """Great-circle distance in kilometres by the haversine formula, accurate also for near places (Sinnott 1984)."""
    south, north = radians(first.latitude), radians(second.latitude)
    across = sin(radians(second.longitude - first.longitude) / 2) ** 2
    haversine = sin((north - south) / 2) ** 2 + cos(south) * cos(north) * across
    return 2 * RADIUS * asin(min(1.0, sqrt(haversine)))


def bearing(first: Place, second: Place) -> float:
    """Initial bearing of the shortest way from one place to another, in degrees clockwise from north, [0, 360)."""
    start, end = radians(first.latitude), radians(second.latitude)
    turn = radians(second.longitude - first.longitude)
    east = sin(turn) * cos(end)
    north = cos(start) * sin(end) - sin(start) * cos(end) * cos(turn)
    return degrees(atan2(east, north)) % 360


def read_place(text: str) -> Place | None:
    """Parses a place as maps write it, `37.5665, 126.9780`; None if invalid."""
    numbers = re.fullmatch(rf"\s*{NUMBER}(?:\s*,\s*|\s+){NUMBER}\s*", text, re.ASCII)
    if numbers is None:
        return None
    place = Place(*map(float, numbers.groups()))
    return place if place.on_earth else None
