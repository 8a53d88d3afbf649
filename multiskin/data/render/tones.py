"""Skin colours of the Fitzpatrick types I to VI, and the two pigments that change them."""

import numpy as np

TONES = ("I", "II", "III", "IV", "V", "VI")

# Typical CIELAB (D65) of each class of the individual typology angle, very light to dark: Chardon et al. 1991,
# Del Bino and Bernerd 2013, who part the classes at 55, 41, 28, 10 and -30 degrees.
LAB = np.array(
    [[72, 8, 13.5], [67, 10, 16], [62, 11, 18], [56, 12, 19], [46, 13, 19], [34, 12, 15.5]], dtype=np.float32
)
WHITE = np.array([0.95047, 1, 1.08883])  # D65
XYZ_TO_RGB = np.array([[3.2406, -1.5372, -0.4986], [-0.9689, 1.8758, 0.0415], [0.0557, -0.2040, 1.0570]])

# Optical density of each pigment in red, green and blue, green = 1. Melanin absorbs as wavelength^-3.48 (Jacques 1998,
# omlc.org/spectra/melanin/mua.html), which the broad bands of sRGB soften; haemoglobin peaks at 540-580 nm and hardly
# absorbs red.
MELANIN = np.array([0.66, 1.0, 1.35], dtype=np.float32)
HAEMOGLOBIN = np.array([0.16, 1.0, 0.78], dtype=np.float32)


def lab_to_linear(lab: np.ndarray) -> np.ndarray:
    """CIELAB to linear-light sRGB, (..., 3)."""
    lightness, a, b = np.moveaxis(np.asarray(lab, dtype=np.float64), -1, 0)
    y = (lightness + 16) / 116
    f = np.stack([y + a / 500, y, y - b / 200], axis=-1)
    xyz = np.where(f > 6 / 29, f**3, 3 * (6 / 29) ** 2 * (f - 4 / 29)) * WHITE
    return np.clip(xyz @ XYZ_TO_RGB.T, 0, 1).astype(np.float32)


def typology_angle(lightness: float, b: float) -> float:
    """The individual typology angle in degrees: the higher, the lighter the skin."""
    return float(np.degrees(np.arctan2(lightness - 50, b)))


def skin_colour(tone: int, melanin: float = 0, blood: float = 0) -> np.ndarray:
    """Linear-light colour of skin of a tone 0..5 with more or less of each pigment, (3,) float32."""
    return lab_to_linear(LAB[tone]) * np.exp(-melanin * MELANIN - blood * HAEMOGLOBIN)
