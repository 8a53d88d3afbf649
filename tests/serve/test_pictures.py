"""Data URIs, decoded again."""

import io
from base64 import b64decode

import numpy as np
import pytest
from PIL import Image

from multiskin.explain.geometry import WHOLE, Box, Region, on_photo
from multiskin.explain.overlays import EVIDENCE, SIGNED, overlay
from multiskin.explain.photos import HeadExplanation
from multiskin.schema import Attribute, Schema
from multiskin.serve.pictures import map_uri, photo_uri

SCHEMA = Schema((Attribute("shine", 5), Attribute("lines", 3), Attribute("kind", 3, kind="nominal")))
MAP = np.random.default_rng(0).normal(0, 1.5, (5, 5)).astype(np.float32)
PHOTO = np.full((48, 60, 3), (200, 150, 130), np.uint8)
PART = Region(Box(0.25, -0.1, 0.75, 1.1), Box(0.25, 0, 0.75, 1))


def opened(uri, kind):
    start = f"data:image/{kind};base64,"
    assert uri.startswith(start)
    picture = Image.open(io.BytesIO(b64decode(uri.removeprefix(start), validate=True)))
    assert picture.format == kind.upper()
    return picture


def explanation(name="shine", grade=3, region=WHOLE):
    return HeadExplanation(SCHEMA[name], grade, 2.5, 2.5, MAP, region)


def test_a_photo_is_a_jpeg_of_its_size_that_says_nothing_beside():
    picture = opened(photo_uri(PHOTO), "jpeg")
    assert np.abs(np.asarray(picture).astype(int) - PHOTO).max() <= 2
    assert not picture.getexif()
    assert set(picture.info) <= {"jfif", "jfif_version", "jfif_unit", "jfif_density"}


@pytest.mark.parametrize("colours", [EVIDENCE, SIGNED])
@pytest.mark.parametrize("region", [WHOLE, PART])
@pytest.mark.parametrize("name", SCHEMA.names)
def test_a_map_laid_on_its_photo_is_the_overlay(name, region, colours):
    """But for two roundings and half a level of the palette; all heads share the scale of the longest one, 0 to 4."""
    layer = opened(map_uri(explanation(name, region=region), SCHEMA, PHOTO.shape, colours), "png").convert("RGBA")
    found = Image.alpha_composite(Image.fromarray(PHOTO).convert("RGBA"), layer).convert("RGB")
    expected = overlay(PHOTO, on_photo(MAP, region, 48, 60), 2.0, 1.0, colours)
    assert np.abs(np.asarray(found).astype(int) - expected).max() <= 3


def test_a_map_is_transparent_where_the_network_sees_nothing_and_where_nothing_is_seen():
    alpha = np.asarray(opened(map_uri(explanation(region=PART), SCHEMA, PHOTO.shape), "png").convert("RGBA"))[..., 3]
    assert not alpha[:, :14].any()
    assert not alpha[:, 46:].any()
    assert alpha.max() > 200
    values = on_photo(MAP, WHOLE, 48, 60)
    whole = np.asarray(opened(map_uri(explanation(), SCHEMA, PHOTO.shape), "png").convert("RGBA"))[..., 3]
    assert not whole[values < 0].any()
    zero = explanation()._replace(map=np.zeros((5, 5), np.float32))
    assert not np.asarray(opened(map_uri(zero, SCHEMA, PHOTO.shape, SIGNED), "png").convert("RGBA"))[..., 3].any()


def test_no_evidence_is_shown_for_what_was_not_found():
    nothing = explanation(grade=0)
    assert not np.asarray(opened(map_uri(nothing, SCHEMA, PHOTO.shape), "png").convert("RGBA"))[..., 3].any()
    assert np.asarray(opened(map_uri(nothing, SCHEMA, PHOTO.shape, SIGNED), "png").convert("RGBA"))[..., 3].any()
    other = explanation("kind", grade=0)  # a class without order, not the absence of something
    assert np.asarray(opened(map_uri(other, SCHEMA, PHOTO.shape), "png").convert("RGBA"))[..., 3].any()
