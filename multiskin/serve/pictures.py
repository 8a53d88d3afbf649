"""Pictures inside a page or an answer, as data URIs: whatever has an address of its own can be fetched by anyone."""

import io
from base64 import b64encode

import numpy as np
from PIL import Image

from multiskin.explain.geometry import on_photo
from multiskin.explain.overlays import EVIDENCE, Colours, coloured
from multiskin.explain.photos import HeadExplanation
from multiskin.explain.scales import finds_nothing, natural_scale
from multiskin.schema import Schema

EXPLAINED = "score"  # what the engine's maps are of
JPEG_QUALITY = 88
LEVELS = 255  # of a map: what a palette holds, and an odd number, so that 0 is one of them
PNG_LEVEL = 6  # of compression; more costs time and saves nothing


def photo_uri(pixels: np.ndarray) -> str:
    """A photo (h, w, 3) uint8 as a JPEG, with nothing of what its file may have said beside."""
    return _uri("jpeg", _encoded(Image.fromarray(pixels), "JPEG", quality=JPEG_QUALITY))


def map_uri(explanation: HeadExplanation, schema: Schema, shape: tuple[int, ...], colours: Colours = EVIDENCE) -> str:
    """A map as a transparent PNG, to be laid on a photo of the same height and width.

    Args:
        explanation: of an attribute, in a photo.
        schema: all of the model's, whose maps share a scale.
        shape: of the photo as it is shown, of which the first two are height and width.
        colours: what is shown of the map; nothing where the head finds nothing and these show only what it found.
    """
    height, width = shape[:2]
    values = on_photo(explanation.map, explanation.region, height, width)
    if colours.lowest == 0 and finds_nothing(EXPLAINED, explanation.attribute, explanation.grade):
        values = np.zeros_like(values)
    limit = natural_scale(EXPLAINED, explanation.attribute, schema).full
    return _uri("png", _encoded(_painted(values, limit, colours), "PNG", compress_level=PNG_LEVEL))


def _painted(values: np.ndarray, limit: float, colours: Colours) -> Image.Image:
    """What `coloured` gives but for rounding, by a palette, which takes half the bytes and a fifth of the time."""
    strengths = np.linspace(colours.lowest, 1, LEVELS)
    levels = np.interp(np.nan_to_num(values) / limit, strengths, np.arange(LEVELS))
    picture = Image.fromarray(np.rint(levels).astype(np.uint8))
    picture.putpalette(coloured(strengths[None], 1, colours).tobytes(), "RGBA")
    return picture


def _encoded(picture: Image.Image, kind: str, **options: int) -> bytes:
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def _uri(kind: str, content: bytes) -> str:
    return f"data:image/{kind};base64,{b64encode(content).decode('ascii')}"
