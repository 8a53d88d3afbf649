"""Light falling on a ground: wrapped diffuse light that bleeds red in skin, two highlights, occlusion and shadow."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np

from multiskin.data.render.geometry import step
from multiskin.data.render.ground import Ground

SKIN_REFLECTANCE = 0.03  # at normal incidence, from the refractive index of skin, 1.42
DRY_EXPONENT, WET_EXPONENT = 7.0, 42.0  # Blinn-Phong: a broad highlight on dry skin, a sharp one on a greasy film
WRAP = 0.30  # how far light creeps round the terminator
BLEED = np.array([0.50, 0.28, 0.18], dtype=np.float32)  # share of light that leaves the skin far from where it entered


@dataclass(frozen=True)
class Light:
    """One lamp or window, and what the room throws back."""

    lamp: tuple[float, float, float]  # unit vector to the lamp: right, down, out of the photo
    key: float
    fill: float

    @cached_property
    def halfway(self) -> np.ndarray:
        """Between the lamp and the viewer, who is far away; a surface facing here shows the highlight."""
        return _halfway(self.lamp)


def _halfway(lamp: tuple[float, float, float]) -> np.ndarray:
    between = np.array(lamp, np.float32) + np.array([0, 0, 1], np.float32)
    return between / np.linalg.norm(between)


CEILING = _halfway((0.0, -0.6, 0.8))  # where the room's own light is reflected from


def draw_light(rng: np.random.Generator) -> Light:
    """From above, from anywhere between the far left and the far right, hard or soft."""
    azimuth, height = rng.normal(0, 0.7), rng.uniform(0.05, 0.65)
    lamp = np.array([np.sin(azimuth) * np.cos(height), -np.sin(height), np.cos(azimuth) * np.cos(height)])
    lamp[2] = max(lamp[2], 0.35)
    right, down, out = (lamp / np.linalg.norm(lamp)).tolist()
    fill = rng.uniform(0.25, 0.6)
    return Light((right, down, out), key=1.25 - fill, fill=fill)


def normals(height: np.ndarray, unit: float) -> np.ndarray:
    """Unit normals (h, w, 3) of a height field: right, down, out; unit is pixels for one unit of height."""
    across = cv2.Sobel(height, cv2.CV_32F, 1, 0, scale=unit / 8)
    down = cv2.Sobel(height, cv2.CV_32F, 0, 1, scale=unit / 8)
    inverse = 1 / np.sqrt(across**2 + down**2 + 1)
    return np.stack([-across * inverse, -down * inverse, inverse], axis=-1)


def towards(normal: np.ndarray, direction: Sequence[float] | np.ndarray) -> np.ndarray:
    """Cosine between normals (h, w, 3) and one direction; without BLAS, whose rounding depends on its threads."""
    right, down, out = (float(d) for d in direction)
    return normal[..., 0] * right + normal[..., 1] * down + normal[..., 2] * out


def shine(ground: Ground, light: Light) -> np.ndarray:
    """Where this light makes a greasy film gleam, whether or not there is one: 0..1, by the form alone."""
    even = normals(ground.form, ground.unit)
    facing = np.maximum(towards(even, light.halfway), towards(even, CEILING) - 0.03)
    return ground.solid * np.clip(facing, 0, 1) ** (WET_EXPONENT / 2)


def shade(ground: Ground, light: Light) -> np.ndarray:
    """The light that a ground sends to the camera, (h, w, 3) linear."""
    rough = _towards_viewer(normals(ground.form + ground.relief, ground.unit), ground.solid)
    open_sky, shadow = _occlusion(ground), _shadow(ground, light)
    lit = _irradiance(ground, light, rough, open_sky, shadow)
    gleam = light.key * shadow * _gleam(ground, towards(rough, light.halfway))
    gleam += light.fill * _gleam(ground, towards(rough, CEILING))
    return ground.albedo * lit + (SKIN_REFLECTANCE * open_sky * gleam)[..., None]


def irradiance(ground: Ground, light: Light) -> np.ndarray:
    """What a perfectly white and dull ground of this form would send, (h, w, 3): a photo over this is its albedo."""
    rough = _towards_viewer(normals(ground.form + ground.relief, ground.unit), ground.solid)
    return _irradiance(ground, light, rough, _occlusion(ground), _shadow(ground, light))


def _irradiance(
    ground: Ground, light: Light, rough: np.ndarray, open_sky: np.ndarray, shadow: np.ndarray
) -> np.ndarray:
    """Sharp where light leaves the skin at once, spread where it bleeds."""
    even = _towards_viewer(normals(ground.form, ground.unit), ground.solid)
    sharp = _diffuse(rough, light, shadow)[..., None]
    spread = _diffuse(even, light, cv2.GaussianBlur(shadow, (0, 0), ground.unit / 40))[..., None]
    return (sharp + BLEED * (spread - sharp)) * (open_sky[..., None] ** (1.15 - BLEED))


def _towards_viewer(normal: np.ndarray, solid: np.ndarray) -> np.ndarray:
    """What has no form faces the camera."""
    flat = np.array([0, 0, 1], dtype=np.float32)
    return flat + solid[..., None] * (normal - flat)


def _diffuse(normal: np.ndarray, light: Light, shadow: np.ndarray) -> np.ndarray:
    key = np.clip((towards(normal, light.lamp) + WRAP) / (1 + WRAP), 0, None)
    return light.key * shadow * key + light.fill * (0.75 - 0.25 * normal[..., 1])


def _gleam(ground: Ground, facing: np.ndarray) -> np.ndarray:
    """Both highlights by Blinn-Phong, normalised to equal energy for every exponent."""
    facing = np.clip(facing, 0, 1)
    dry, wet = (DRY_EXPONENT + 2) / 8 * facing**DRY_EXPONENT, (WET_EXPONENT + 2) / 8 * facing**WET_EXPONENT
    return ground.sheen * dry + ground.film * wet


def _occlusion(ground: Ground) -> np.ndarray:
    """How much of the room a point sees: less in what lies below its surroundings."""
    fine = cv2.GaussianBlur(ground.relief, (0, 0), ground.unit / 45) - ground.relief
    small = cv2.resize(ground.form, None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA)
    coarse = np.maximum(cv2.GaussianBlur(small, (0, 0), ground.unit / 32) - small, 0)
    coarse = cv2.resize(coarse, ground.shape[::-1], interpolation=cv2.INTER_LINEAR) * ground.solid
    return 1 / (1 + 16 * np.clip(fine, 0, None) + 4 * coarse)


def _shadow(ground: Ground, light: Light) -> np.ndarray:
    """0..1, how much of the lamp a point sees past nose, brow and lips, at a quarter of the resolution."""
    right, down, out = light.lamp
    small = cv2.resize(ground.form, None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA)
    highest = np.zeros_like(small)
    for reach in (0.06, 0.12, 0.2, 0.3):
        pixels = reach * ground.unit / 4
        move = np.array([[1, 0, -right * pixels], [0, 1, -down * pixels]], dtype=np.float32)
        there = cv2.warpAffine(small, move, small.shape[::-1], borderMode=cv2.BORDER_REPLICATE)
        highest = np.maximum(highest, there - small - reach * out)
    shadow = 1 - 0.75 * step(0.01, 0.20, cv2.GaussianBlur(highest, (0, 0), 0.8))
    full = cv2.resize(shadow, ground.shape[::-1], interpolation=cv2.INTER_LINEAR)
    return 1 + ground.solid * (full - 1)
