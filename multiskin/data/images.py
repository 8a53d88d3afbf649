"""Reads a photograph from a file: upright RGB pixels, or an error that says what is wrong with the file."""

import re
import stat
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image, ImageFile
from PIL.BmpImagePlugin import BmpImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.TiffImagePlugin import TiffImageFile
from PIL.WebPImagePlugin import WebPImageFile

from multiskin.data.crops import parse_name
from multiskin.errors import UserError

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff")  # of files that are listed as pictures
MAX_PIXELS = 100_000_000  # 100 megapixels, 300 MB decoded: more than cameras have, less than a decompression bomb

# The format of a file is told by its first bytes, whatever its suffix. Pillow's Image.open supports some forty more
# formats, which no camera writes and whose decoders would only add attack surface, and has its own bomb limit.
DECODERS: dict[bytes, type[ImageFile.ImageFile]] = {
    rb"\xff\xd8\xff": JpegImageFile,
    rb"\x89PNG\r\n\x1a\n": PngImageFile,
    rb"RIFF.{4}WEBP": WebPImageFile,
    rb"BM": BmpImageFile,
    rb"II\*\0|MM\0\*|II\+\0|MM\0\+": TiffImageFile,
}
LONGEST_START = 16  # bytes
ORIENTATION = 0x0112  # the EXIF tag; its values are the keys of UPRIGHT, and 1 for upright
UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
ON_ITS_SIDE = [UPRIGHT[value] for value in (5, 6, 7, 8)]  # those that swap height and width
Size = tuple[int, int]  # height and width, pixels


class ImageError(UserError):
    """A picture that cannot be read; the message says which one and why."""


class TooLargeError(ImageError):
    """A picture with more pixels than are allowed."""


def read_image(path: str | Path, least: Size | None = None) -> np.ndarray:
    """Reads a photograph, or a part of one, from disk: (h, w, 3) uint8, RGB, upright.

    Of several frames, the first is read.

    Args:
        path: the path of the photo, or the name of a part of it (see crops).
        least: the size that the photo will be reduced to (see decode_image); ignored for a part.

    Raises:
        ImageError: no such file, not a picture of a known format, damaged, truncated, too large, or without that part.
    """
    place, box = parse_name(str(path))
    try:
        if not stat.S_ISREG(Path(place).stat().st_mode):  # opening a pipe would wait forever
            raise ImageError(f"{path}: a folder or device, not a picture file")
        with Path(place).open("rb") as file:
            photo = decode_image(file, str(path), least=least if box is None else None)
    except OSError as error:
        raise ImageError(f"{path}: {(error.strerror or str(error)).lower()}") from error
    except ValueError as error:  # a NUL in the path
        raise ImageError(f"{str(path)!r}: not a path ({error})") from error
    if box is None:
        return photo
    inside = box.within(*photo.shape[:2])
    if inside is None:
        raise outside(str(path), *photo.shape[:2])
    return inside.cut(photo)


def outside(name: str, height: int, width: int) -> ImageError:
    """The error for a part that is not on its photo."""
    return ImageError(f"{name}: outside of the photo, which has {width} x {height} pixels; correct the box")


def decode_image(file: BinaryIO, name: str, most_pixels: int | None = None, least: Size | None = None) -> np.ndarray:
    """Decodes an open file, such as an upload, as `read_image` does.

    Args:
        file: open for reading, at its start.
        name: its name in error messages.
        most_pixels: the most pixels (height times width) to accept; default: 100 megapixels.
        least: height and width in pixels. A JPEG picture may be decoded at 1/2, 1/4 or 1/8 of its size as long as it
            stays at least this large.

    Raises:
        ImageError: not a picture of a known format, damaged, truncated, or too large.
    """
    head = file.read(LONGEST_START)
    decoder = _decoder(head)
    if decoder is None:
        reason = "not a JPEG, PNG, WebP, BMP or TIFF picture; convert it to one" if head else "the file is empty"
        raise ImageError(f"{name}: {reason}")
    file.seek(0)
    try:
        picture = decoder(file)
        _check_size(picture, name, most_pixels or MAX_PIXELS)
        if least is not None:
            _reduce(picture, least)
        ImageFile.LOAD_TRUNCATED_IMAGES = False  # if another library has set it, missing parts would become grey
        picture.load()
        return np.array(_to_rgb(_upright(picture), name))
    except ImageError:
        raise
    except Exception as error:  # malformed bytes make Pillow raise nearly any kind of exception
        reason = " ".join(str(error).split()) or type(error).__name__
        raise ImageError(f"{name}: damaged or cut short ({reason})") from error


def format_of(content: bytes) -> str | None:
    """The format of a file by its first bytes: JPEG, PNG, WEBP, BMP or TIFF; None if it is none of these."""
    decoder = _decoder(content[:LONGEST_START])
    return None if decoder is None else decoder.format


def _decoder(head: bytes) -> type[ImageFile.ImageFile] | None:
    return next((DECODERS[start] for start in DECODERS if re.match(start, head, re.DOTALL)), None)


def _check_size(picture: Image.Image, name: str, most_pixels: int) -> None:
    """Checks the size in the header, before any pixel is decoded."""
    width, height = picture.size
    if width * height > most_pixels:
        limit = most_pixels // 1_000_000
        raise TooLargeError(f"{name}: {width} x {height} pixels; scale it down to {limit} megapixels or fewer")


def _reduce(picture: ImageFile.ImageFile, least: Size) -> None:
    """Makes Pillow decode a JPEG picture no larger than needed; has no effect on other formats."""
    picture.draft(None, least if _turn(picture) in ON_ITS_SIDE else least[::-1])


def _upright(picture: Image.Image) -> Image.Image:
    """Applies the EXIF orientation; malformed EXIF is ignored, since the pixels are fine."""
    turn = _turn(picture)
    return picture if turn is None else picture.transpose(turn)


def _turn(picture: Image.Image) -> Image.Transpose | None:
    with suppress(Exception):
        return UPRIGHT.get(picture.getexif().get(ORIENTATION, 1))
    return None


def _to_rgb(picture: Image.Image, name: str) -> Image.Image:
    if picture.mode.startswith("I"):  # I;16 of either byte order, or I, whose 32 bits mostly hold 16-bit values
        return _grey_16_to_rgb(picture, name)
    if picture.mode == "F":
        raise ImageError(f"{name}: pixels are floats without a defined range; save it with 8 or 16 bits")
    if picture.has_transparency_data:  # on white, as viewers show it and so as the raters saw it
        picture = picture.convert("RGBA")
        white = Image.new("RGBA", picture.size, "white")
        picture = Image.alpha_composite(white, picture)
    return picture.convert("RGB")


def _grey_16_to_rgb(picture: Image.Image, name: str) -> Image.Image:
    """Scales 0..65535 to 0..255; Pillow's own conversion would clip at 255."""
    pixels = np.asarray(picture).astype(np.int64)
    if pixels.min() < 0 or pixels.max() > 65535:
        raise ImageError(
            f"{name}: grey values {pixels.min()}..{pixels.max()} exceed 16 bits; save it with 8 or 16 bits"
        )
    return Image.fromarray(np.rint(pixels / 257).astype(np.uint8)).convert("RGB")
