"""Bytes from strangers to pixels: only these are looked at any further, and the bytes are kept nowhere."""

import io
import re
from pathlib import PurePath
from threading import BoundedSemaphore

import numpy as np

from multiskin.data.images import ImageError, TooLargeError, decode_image, format_of
from multiskin.explain.photos import scaled

MOST_BYTES = 20_000_000
MOST_PIXELS = 40_000_000  # of a picture; 120 MB decoded
AT_ONCE = 4  # pictures that are decoded; whoever comes fifth waits a moment
LONGEST = 1600  # pixels: the longer side of what is kept in memory, finer than any network looks
NAMED = 80  # characters of a name that are repeated

# Photographs come in these; every further decoder is one more to attack. What a name may end in, by what it is.
ACCEPTED = {"JPEG": (".jpg", ".jpeg"), "PNG": (".png",), "WEBP": (".webp",)}
ENDINGS = {ending for endings in ACCEPTED.values() for ending in endings}

# A picture that another program takes for something else is no photograph, whatever it is meant for. Where programs
# look for that, and what they find: words without repetition, or a stranger could have the search take for ever.
DISGUISED = {
    "a ZIP archive": (slice(-65_557, None), re.compile(rb"PK\x05\x06")),  # its directory, with the longest of comments
    "a PDF document": (slice(1024), re.compile(rb"%PDF-")),
    "a script or web page": (slice(None), re.compile(rb"<script|<!doctype html|<\?php ", re.IGNORECASE)),
}

_slots = BoundedSemaphore(AT_ONCE)


class Refused(Exception):  # noqa: N818  # the upload is at fault, not the program
    """An upload that is not taken.

    Attributes:
        code: one word for a page that speaks another language: empty, bytes, format, mislabelled, disguised, pixels,
            damaged.
        message: what is wrong, and what to do, in English.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def read_upload(content: bytes, name: str = "photo", most_bytes: int = MOST_BYTES) -> np.ndarray:
    """Decodes an upload: (h, w, 3) uint8 RGB, upright, at most 1600 pixels on its longer side.

    Args:
        content: the whole of it.
        name: as the sender calls it.
        most_bytes: that are looked at.

    Raises:
        Refused: no photograph that can be read, or one that is too large.
    """
    name = shown_name(name)
    _check_bytes(content, name, most_bytes)
    try:
        with _slots:
            photo = decode_image(io.BytesIO(content), name, MOST_PIXELS)
            return scaled(photo, LONGEST) if max(photo.shape) > LONGEST else photo
    except TooLargeError as error:
        raise Refused("pixels", str(error)) from error
    except ImageError as error:
        raise Refused("damaged", str(error)) from error


def shown_name(name: str) -> str:
    """What of a stranger's name for a file can be shown: no folders, nothing unprintable, and not at any length."""
    last = PurePath(name.replace("\\", "/")).name.lstrip(".")
    return "".join(sign for sign in last if sign.isprintable())[-NAMED:] or "photo"


def _check_bytes(content: bytes, name: str, most_bytes: int) -> None:
    """What the bytes themselves say, before anything decodes them."""
    if not content:
        raise Refused("empty", f"{name}: the file is empty")
    if len(content) > most_bytes:
        limit = most_bytes // 1_000_000
        raise Refused("bytes", f"{name}: {len(content) / 1e6:.0f} MB; send a photo of at most {limit} MB")
    kind = format_of(content)
    if kind not in ACCEPTED:
        raise Refused("format", f"{name}: not a JPEG, PNG or WebP picture; save it as one of these")
    ending = PurePath(name).suffix.lower()
    if ending in ENDINGS and ending not in ACCEPTED[kind]:
        raise Refused("mislabelled", f"{name}: a {kind} picture in truth; name it {ACCEPTED[kind][0]}")
    for what, (where, looks) in DISGUISED.items():
        if looks.search(content[where]):
            raise Refused("disguised", f"{name}: {what} as well as a picture; save the picture anew")
