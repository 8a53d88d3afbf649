"""One photograph from a file to pixels: whole, upright, and in RGB, or an error that says what is wrong with it."""

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

from multiskin.data.crops import parted
from multiskin.errors import UserError

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff")  # what pictures are looked for by
MAX_PIXELS = 100_000_000  # 100 megapixels, 300 MB decoded: more than cameras give, less than a bomb needs

# A file is what its first bytes say, whatever its name ends in. Pillow's own Image.open knows some forty more formats,
# which nobody photographs in and each of which is a decoder to attack, and it warns of bombs by a limit of its own.
DECODERS: dict[bytes, type[ImageFile.ImageFile]] = {
    rb"\xff\xd8\xff": JpegImageFile,
    rb"\x89PNG\r\n\x1a\n": PngImageFile,
    rb"RIFF.{4}WEBP": WebPImageFile,
    rb"BM": BmpImageFile,
    rb"II\*\0|MM\0\*|II\+\0|MM\0\+": TiffImageFile,
}
LONGEST_START = 16  # bytes
ORIENTATION = 0x0112  # the EXIF tag; its values are those of UPRIGHT, and 1 for upright
UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
ON_ITS_SIDE = [UPRIGHT[value] for value in (5, 6, 7, 8)]  # height and width are swapped
Size = tuple[int, int]  # height and width, pixels


class ImageError(UserError):
    """A picture that cannot be read; the message names it and says what is wrong with it."""


class TooLargeError(ImageError):
    """A picture of more pixels than are decoded."""


def read_image(path: str | Path, least: Size | None = None) -> np.ndarray:
    """Reads a photograph from disk, or that part of it which its name means (see crops): (h, w, 3) uint8, RGB, upright.

    The first frame where there are several.

    Args:
        path: of the photo, or the name of a part.
        least: the size that it will be reduced to; a part is still read in full (see decode_image).

    Raises:
        ImageError: nothing there, not a picture of a known format, damaged, cut short, too large, or without that part.
    """
    place, box = parted(str(path))
    try:
        if not stat.S_ISREG(Path(place).stat().st_mode):  # opening a pipe would wait forever
            raise ImageError(f"{path}: a folder or device, not a picture")
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
        file: at its beginning.
        name: what an error calls it.
        most_pixels: of the picture, height times width; 100 megapixels unless fewer are given.
        least: height and width, pixels, above which a JPEG picture may be decoded at a half, a quarter or an eighth of
            its size, which leaves out frequencies that the smaller picture has no pixels for.

    Raises:
        ImageError: not a picture of a known format, damaged, cut short, or too large.
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
        ImageFile.LOAD_TRUNCATED_IMAGES = False  # where another library set it, missing parts would pass as grey
        picture.load()
        return np.array(_to_rgb(_upright(picture), name))
    except ImageError:
        raise
    except Exception as error:  # on malformed bytes Pillow raises nearly every kind there is
        reason = " ".join(str(error).split()) or type(error).__name__
        raise ImageError(f"{name}: damaged or cut short ({reason})") from error


def format_of(content: bytes) -> str | None:
    """A file's format by its first bytes: JPEG, PNG, WEBP, BMP or TIFF; None where it is none of these."""
    decoder = _decoder(content[:LONGEST_START])
    return None if decoder is None else decoder.format


def _decoder(head: bytes) -> type[ImageFile.ImageFile] | None:
    return next((DECODERS[start] for start in DECODERS if re.match(start, head, re.DOTALL)), None)


def _check_size(picture: Image.Image, name: str, most_pixels: int) -> None:
    """By the header alone, before any pixel is decoded."""
    width, height = picture.size
    if width * height > most_pixels:
        limit = most_pixels // 1_000_000
        raise TooLargeError(f"{name}: {width} x {height} pixels; scale it down to {limit} megapixels or fewer")


def _reduce(picture: ImageFile.ImageFile, least: Size) -> None:
    """Makes a JPEG picture be decoded no larger than needed; other formats cannot do that."""
    picture.draft(None, least if _turn(picture) in ON_ITS_SIDE else least[::-1])


def _upright(picture: Image.Image) -> Image.Image:
    """Turns a picture as its EXIF orientation asks; ignores malformed EXIF, since the pixels are good."""
    turn = _turn(picture)
    return picture if turn is None else picture.transpose(turn)


def _turn(picture: Image.Image) -> Image.Transpose | None:
    with suppress(Exception):
        return UPRIGHT.get(picture.getexif().get(ORIENTATION, 1))
    return None


def _to_rgb(picture: Image.Image, name: str) -> Image.Image:
    if picture.mode.startswith("I"):  # I;16 of either byte order, and I, which has 32 bits and mostly holds 16
        return _grey_16_to_rgb(picture, name)
    if picture.mode == "F":
        raise ImageError(f"{name}: pixels are floats, which say nothing of black and white; save it with 8 or 16 bits")
    if picture.has_transparency_data:  # on white, as viewers show it: what whoever graded the picture saw
        picture = picture.convert("RGBA")
        white = Image.new("RGBA", picture.size, "white")
        picture = Image.alpha_composite(white, picture)
    return picture.convert("RGB")


def _grey_16_to_rgb(picture: Image.Image, name: str) -> Image.Image:
    """0..65535 scaled to 0..255; Pillow's own conversion would clip at 255."""
    pixels = np.asarray(picture).astype(np.int64)
    if pixels.min() < 0 or pixels.max() > 65535:
        raise ImageError(
            f"{name}: grey values {pixels.min()}..{pixels.max()} exceed 16 bits; save it with 8 or 16 bits"
        )
    return Image.fromarray(np.rint(pixels / 257).astype(np.uint8)).convert("RGB")
