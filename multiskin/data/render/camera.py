"""The camera: exposure, white balance, blur, noise, tone curve and JPEG compression."""

from dataclasses import dataclass

import cv2
import numpy as np

EXPOSED_TO = 0.30  # linear level that the automatic exposure brings skin to, where it goes all the way
COMPENSATION = 0.4  # how far it goes: dark skin stays darker than fair skin


@dataclass(frozen=True)
class Camera:
    exposure: float  # stops relative to the automatic exposure
    balance: tuple[float, float, float]  # gain of red, green, blue
    blur: float  # deviation, thousandths of the photo's width
    shot_noise: float
    read_noise: float
    vignette: float
    quality: int  # of JPEG


def draw_camera(rng: np.random.Generator) -> Camera:
    """A random phone camera."""
    warmth, tint = rng.normal(0, 0.09), rng.normal(0, 0.025)
    return Camera(
        exposure=rng.normal(0, 0.28),
        balance=(float(np.exp(warmth)), float(np.exp(-tint)), float(np.exp(-warmth + 0.5 * tint))),
        blur=rng.uniform(1.5, 4.5),
        shot_noise=rng.uniform(0.003, 0.016),
        read_noise=rng.uniform(0.001, 0.006),
        vignette=rng.uniform(0, 0.25),
        quality=int(rng.integers(70, 96)),
    )


def shoot(radiance: np.ndarray, skin: np.ndarray, camera: Camera, rng: np.random.Generator) -> np.ndarray:
    """Takes the photo, uint8 RGB (h, w, 3); the exposure is measured on `skin`."""
    size = radiance.shape[1]
    light = cv2.GaussianBlur(radiance, (0, 0), camera.blur * size / 1000)
    light *= _gain(light, skin, camera) * _vignette(radiance.shape[:2], camera.vignette)[..., None]
    deviation = np.sqrt(camera.shot_noise**2 * np.maximum(light, 0) + camera.read_noise**2)
    light += deviation * rng.standard_normal(light.shape, dtype=np.float32)
    return compress(develop(light), camera.quality)


def _gain(light: np.ndarray, skin: np.ndarray, camera: Camera) -> np.ndarray:
    seen = float(np.median(light[..., 1][skin > 0.5])) if (skin > 0.5).any() else EXPOSED_TO
    automatic = (EXPOSED_TO / max(seen, 1e-3)) ** COMPENSATION
    return np.array(camera.balance, dtype=np.float32) * float(automatic * 2**camera.exposure)


def _vignette(shape: tuple[int, int], strength: float) -> np.ndarray:
    down, right = (np.linspace(-1, 1, n, dtype=np.float32) for n in shape)
    return 1 - strength * (down[:, None] ** 2 + right[None, :] ** 2) / 2


def develop(light: np.ndarray) -> np.ndarray:
    """Linear light to 8-bit sRGB, with a shoulder that keeps highlights from clipping at once."""
    knee = 0.7
    over = np.maximum(light - knee, 0)
    light = np.clip(np.minimum(light, knee) + (1 - knee) * (1 - np.exp(-over / (1 - knee))), 0, 1)
    encoded = np.where(light < 0.0031308, 12.92 * light, 1.055 * np.maximum(light, 0.0031308) ** (1 / 2.4) - 0.055)
    return np.rint(encoded * 255).astype(np.uint8)


def compress(photo: np.ndarray, quality: int) -> np.ndarray:
    """A photo after JPEG compression of this quality."""
    _, code = cv2.imencode(".jpg", photo[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.ascontiguousarray(np.asarray(cv2.imdecode(code, cv2.IMREAD_COLOR))[..., ::-1])
