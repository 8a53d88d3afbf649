"""Decodes uploads from untrusted clients; only the pixels are used any further, and the bytes are not kept."""

import io
import re
from pathlib import PurePath
from threading import BoundedSemaphore

import numpy as np

from multiskin.data.images import ImageError, TooLargeError, decode_image, format_of
from multiskin.explain.photos import scaled

MOST_BYTES = 20_000_000
MOST_PIXELS = 40_000_000  # per picture; 120 MB decoded
AT_ONCE = 4  # pictures decoded concurrently; further ones wait
LONGEST = 1600  # pixels: the longer side of a photo in memory, larger than the input of any network
NAMED = 80  # characters of a file name that are repeated in messages

# Accepted formats, with their file name extensions. Every further decoder would be one more to attack.
ACCEPTED = {"JPEG": (".jpg", ".jpeg"), "PNG": (".png",), "WEBP": (".webp",)}
ENDINGS = {ending for endings in ACCEPTED.values() for ending in endings}

# Polyglots: files that are pictures, but that other programs take for something else. Each has the part of the file
# where those programs look, and the marker they look for; patterns have no repetition, so that matching takes linear
# time.
DISGUISED = {
    "a ZIP archive": (slice(-65_557, None), re.compile(rb"PK\x05\x06")),  # end record plus the longest comment
    "a PDF document": (slice(1024), re.compile(rb"%PDF-")),
    "a script or web page": (slice(None), re.compile(rb"<script|<!doctype html|<\?php ", re.IGNORECASE)),
}

_slots = BoundedSemaphore(AT_ONCE)


class UploadError(Exception):
    """An upload is rejected.

    Attributes:
        code: an identifier for pages to translate: empty, bytes, format, mislabelled, disguised, pixels or damaged.
        message: what is wrong, and what to do, in English.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def read_upload(content: bytes, name: str = "photo", most_bytes: int = MOST_BYTES) -> np.ndarray:
    """Decodes an upload: (h, w, 3) uint8 RGB, upright, at most 1600 pixels on its longer side.

    Args:
        content: the bytes of the file.
        name: the file name that the client gave.
        most_bytes: maximum size of the file.

    Raises:
        UploadError: not a readable photograph, or too large.
    """
    name = shown_name(name)
    _check_bytes(content, name, most_bytes)
    try:
        with _slots:
            photo = decode_image(io.BytesIO(content), name, MOST_PIXELS)
            return scaled(photo, LONGEST) if max(photo.shape) > LONGEST else photo
    except TooLargeError as error:
        raise UploadError("pixels", str(error)) from error
    except ImageError as error:
        raise UploadError("damaged", str(error)) from error


def shown_name(name: str) -> str:
    """An untrusted file name made safe to show: without folders or unprintable characters, and of limited length."""
    last = PurePath(name.replace("\\", "/")).name.lstrip(".")
    return "".join(sign for sign in last if sign.isprintable())[-NAMED:] or "photo"


def _check_bytes(content: bytes, name: str, most_bytes: int) -> None:
    """Checks the bytes themselves before they are decoded.

    Raises:
        UploadError: empty, too large, of another format than accepted or than the name says, or a polyglot.
    """
    if not content:
        raise UploadError("empty", f"{name}: the file is empty")
    if len(content) > most_bytes:
        limit = most_bytes // 1_000_000
        raise UploadError("bytes", f"{name}: {len(content) / 1e6:.0f} MB; send a photo of at most {limit} MB")
    kind = format_of(content)
    if kind not in ACCEPTED:
        raise UploadError("format", f"{name}: not a JPEG, PNG or WebP picture; save it in one of these formats")
    ending = PurePath(name).suffix.lower()
    if ending in ENDINGS and ending not in ACCEPTED[kind]:
        raise UploadError("mislabelled", f"{name}: actually a {kind} picture; rename it to end in {ACCEPTED[kind][0]}")
    for what, (where, looks) in DISGUISED.items():
        if looks.search(content[where]):
            raise UploadError("disguised", f"{name}: {what} as well as a picture; save the picture again")
