"""Every way of storing a picture gives its known pixels, and every way of damaging it gives an error that says so."""

import io
import os
import struct
import zlib

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFile

from multiskin.data import images
from multiskin.data.images import ImageError, TooLargeError, decode_image, format_of, read_image
from multiskin.errors import UserError

LOSSLESS = {"PNG": {}, "BMP": {}, "TIFF": {}, "WEBP": {"lossless": True}}
PIXELS = np.random.default_rng(0).integers(0, 256, (24, 36, 3), dtype=np.uint8)


def stored(picture, kind, **options):
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def decoded(content):
    return decode_image(io.BytesIO(content), "a photo")


@pytest.fixture
def keep(tmp_path):
    """Writes bytes to a file of a given name."""

    def write(content, name="photo"):
        path = tmp_path / name
        path.write_bytes(content)
        return path

    return write


@pytest.mark.parametrize(("kind", "options"), LOSSLESS.items())
def test_lossless_formats_give_the_very_pixels_whatever_the_name_ends_in(kind, options, keep):
    image = read_image(keep(stored(Image.fromarray(PIXELS), kind, **options), "photo.xyz"))
    assert image.dtype == np.uint8
    assert image.flags.writeable  # torch.from_numpy warns of any other
    np.testing.assert_array_equal(image, PIXELS)


@pytest.mark.parametrize("kind", [*LOSSLESS, "JPEG"])
def test_a_picture_is_known_by_its_first_bytes(kind):
    assert format_of(stored(Image.fromarray(PIXELS), kind)[:16]) == kind


@pytest.mark.parametrize("content", [b"", b"GIF89a", b"<svg", b"RIFF0000WAVE", b"\x89PNG"])
def test_what_is_no_picture_of_ours_has_no_format(content):
    assert format_of(content) is None


def test_a_caller_may_take_fewer_pixels():
    content, pixels = stored(Image.fromarray(PIXELS), "PNG"), PIXELS.shape[0] * PIXELS.shape[1]
    np.testing.assert_array_equal(decode_image(io.BytesIO(content), "a photo", pixels), PIXELS)
    with pytest.raises(TooLargeError, match="a photo: 36 x 24 pixels"):
        decode_image(io.BytesIO(content), "a photo", pixels - 1)


@pytest.mark.parametrize("progressive", [False, True])
def test_a_jpeg_gives_its_colour(progressive, keep):
    colour = Image.new("RGB", (32, 16), (200, 100, 50))
    image = read_image(keep(stored(colour, "JPEG", quality=95, progressive=progressive)))
    assert image.shape == (16, 32, 3)
    assert np.abs(image.astype(int) - [200, 100, 50]).max() <= 2


def palette(alpha=None):
    picture = Image.new("P", (3, 1))
    picture.putpalette([255, 0, 0, 0, 255, 0, 0, 0, 255])
    picture.putdata([0, 1, 2])
    if alpha is not None:
        picture.info["transparency"] = alpha
    return picture


def of(mode, *pixels):
    picture = Image.new(mode, (len(pixels), 1))
    picture.putdata(pixels)
    return picture


def grey(dtype, *values):
    return Image.fromarray(np.array([values], dtype=dtype))


def keyed(picture, key):
    picture.info["transparency"] = key
    return picture


RED, GREEN, BLUE, WHITE, BLACK = [255, 0, 0], [0, 255, 0], [0, 0, 255], [255] * 3, [0] * 3
PINK = [255, 127, 127]  # red, half of it let through to white
MODES = {
    "1-bit": ("PNG", of("1", 0, 255), [BLACK, WHITE]),
    "grey": ("PNG", of("L", 0, 77, 255), [BLACK, [77] * 3, WHITE]),
    "grey with a transparent value": ("PNG", keyed(of("L", 0, 77), 77), [BLACK, WHITE]),
    "grey and alpha": ("PNG", of("LA", (0, 255), (0, 0), (100, 255)), [BLACK, WHITE, [100] * 3]),
    "16-bit grey": ("PNG", grey(np.uint16, 0, 257, 128 * 257, 65535), [BLACK, [1] * 3, [128] * 3, WHITE]),
    "16-bit grey TIFF": ("TIFF", grey(np.uint16, 0, 300, 65535), [BLACK, [1] * 3, WHITE]),
    "16-bit big-endian grey TIFF": ("TIFF", of("I;16B", 0, 300, 65535), [BLACK, [1] * 3, WHITE]),
    "16-bit grey in 32 bits": ("TIFF", grey(np.int32, 0, 128 * 257, 65535), [BLACK, [128] * 3, WHITE]),
    "palette": ("PNG", palette(), [RED, GREEN, BLUE]),
    "palette with one transparent colour": ("PNG", palette(1), [RED, WHITE, BLUE]),
    "palette with alpha": ("PNG", palette(bytes([128, 255, 0])), [PINK, GREEN, WHITE]),
    "colour with a transparent one": ("PNG", keyed(of("RGB", (255, 0, 0), (0, 0, 255)), (0, 0, 255)), [RED, WHITE]),
    "colour and alpha": ("PNG", of("RGBA", (255, 0, 0, 255), (255, 0, 0, 128), (9, 9, 9, 0)), [RED, PINK, WHITE]),
    "CMYK": ("TIFF", of("CMYK", (0, 0, 0, 0), (0, 255, 255, 0), (0, 0, 0, 255)), [WHITE, RED, BLACK]),
    "Lab": ("TIFF", of("LAB", (255, 128, 128), (0, 128, 128)), [WHITE, BLACK]),
}


@pytest.mark.parametrize(("kind", "picture", "expected"), MODES.values(), ids=MODES)
def test_every_mode_becomes_rgb(kind, picture, expected):
    np.testing.assert_allclose(decoded(stored(picture, kind))[0].astype(int), expected, atol=1)


def test_a_cmyk_jpeg_is_not_inverted():
    image = decoded(stored(Image.new("CMYK", (16, 16), (0, 255, 255, 0)), "JPEG", quality=95))
    assert np.abs(image.astype(int) - RED).max() <= 3


@pytest.mark.parametrize(
    ("picture", "said"),
    [
        (grey(np.float32, 0.0, 1.0), "floats"),
        (grey(np.int32, 0, 70_000), "0..70000 exceed 16 bits"),
        (grey(np.int32, -5, 1000), "-5..1000 exceed 16 bits"),
    ],
    ids=["float", "beyond 16 bits", "negative"],
)
def test_pixels_without_a_known_black_and_white_are_refused(picture, said):
    with pytest.raises(ImageError, match=said):
        decoded(stored(picture, "TIFF"))


# What the stored rows and columns are, by the EXIF standard: orientation 6, for one, has the picture's right-hand side
# in its first row and its top in its first column.
TO_UPRIGHT = {
    1: lambda stored: stored,
    2: lambda stored: stored[:, ::-1],
    3: lambda stored: stored[::-1, ::-1],
    4: lambda stored: stored[::-1],
    5: lambda stored: stored.swapaxes(0, 1),
    6: lambda stored: stored.swapaxes(0, 1)[:, ::-1],
    7: lambda stored: stored[::-1, ::-1].swapaxes(0, 1),
    8: lambda stored: stored.swapaxes(0, 1)[::-1],
}


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "WEBP"])
@pytest.mark.parametrize("orientation", TO_UPRIGHT)
def test_pictures_are_turned_upright(orientation, kind):
    exif = Image.Exif()
    exif[images.ORIENTATION] = orientation
    content = stored(Image.fromarray(PIXELS), kind, exif=exif, **LOSSLESS[kind])
    np.testing.assert_array_equal(decoded(content), TO_UPRIGHT[orientation](PIXELS))


@pytest.mark.parametrize("orientation", TO_UPRIGHT)
def test_jpegs_are_turned_upright(orientation):
    exif = Image.Exif()
    exif[images.ORIENTATION] = orientation
    picture = Image.fromarray(PIXELS)
    plain = decoded(stored(picture, "JPEG"))
    np.testing.assert_array_equal(decoded(stored(picture, "JPEG", exif=exif)), TO_UPRIGHT[orientation](plain))


@pytest.mark.parametrize("exif", [b"", b"no EXIF at all", b"MM\0*", b"II*\0\xff\xff\xff\xff", bytes(30)])
@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_malformed_exif_does_not_spoil_the_pixels(exif, kind):
    content = stored(Image.fromarray(PIXELS), kind, exif=b"Exif\0\0" + exif, **LOSSLESS[kind])
    np.testing.assert_array_equal(decoded(content), PIXELS)


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "WEBP"])
def test_the_first_of_several_frames_counts(kind):
    first, second = Image.fromarray(PIXELS), Image.fromarray(255 - PIXELS)
    content = stored(first, kind, save_all=True, append_images=[second], **LOSSLESS[kind])
    np.testing.assert_array_equal(decoded(content), PIXELS)


def png_header(width, height):
    """A PNG that ends after its header."""
    fields = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + fields + struct.pack(">I", zlib.crc32(fields)) + bytes(20)


@pytest.mark.parametrize("size", [(10_001, 10_000), (65_535, 65_535), (2**31 - 1, 2**31 - 1)])
def test_a_bomb_is_refused_by_its_header(size):
    content = png_header(*size)
    content = content[:-20] + struct.pack(">I", 4) + b"IDAT" + bytes(8)
    with pytest.raises(ImageError, match=f"{size[0]} x {size[1]} pixels; scale it down to 100 megapixels"):
        decoded(content)


def test_the_limit_on_pixels_is_ours_alone(monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)  # Pillow would warn, and the tests turn warnings into errors
    content = stored(Image.fromarray(PIXELS), "PNG")
    np.testing.assert_array_equal(decoded(content), PIXELS)
    monkeypatch.setattr(images, "MAX_PIXELS", PIXELS.shape[0] * PIXELS.shape[1])
    np.testing.assert_array_equal(decoded(content), PIXELS)
    monkeypatch.setattr(images, "MAX_PIXELS", PIXELS.shape[0] * PIXELS.shape[1] - 1)
    with pytest.raises(ImageError, match="36 x 24 pixels"):
        decoded(content)


KINDS = [("JPEG", {}), ("JPEG", {"progressive": True}), ("TIFF", {"compression": "tiff_lzw"}), *LOSSLESS.items()]


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data", "ignore:Truncated File Read")  # Pillow, of a TIFF's tags
@pytest.mark.parametrize(("kind", "options"), KINDS)
@pytest.mark.parametrize("others_accept_truncated", [False, True])
def test_a_picture_cut_short_anywhere_is_refused_or_whole(kind, options, others_accept_truncated, monkeypatch):
    content = stored(Image.fromarray(PIXELS), kind, **options)
    whole = decoded(content)
    refused = 0
    cuts = sorted({*range(0, len(content), 41), *range(len(content) - 40, len(content))})
    for cut in cuts:
        monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", others_accept_truncated)
        try:
            image = decoded(content[:cut])
        except ImageError:
            refused += 1
        else:
            np.testing.assert_array_equal(image, whole)
    assert refused > 0.8 * len(cuts)


@settings(max_examples=150, deadline=None)
@given(st.sampled_from([b"", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"RIFF\0\0\0\0WEBP", b"BM", b"II*\0"]), st.binary())
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_arbitrary_bytes_are_refused(head, rest):
    with pytest.raises(ImageError, match=r"^a photo: "):
        decoded(head + rest)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(KINDS), st.data())
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_flipped_bytes_give_a_picture_or_an_image_error(case, data):
    kind, options = case
    content = bytearray(stored(Image.fromarray(PIXELS), kind, **options))
    for _ in range(4):
        content[data.draw(st.integers(0, min(len(content), 400) - 1))] = data.draw(st.integers(0, 255))
    try:
        image = decoded(bytes(content))
    except ImageError:
        return
    assert image.dtype == np.uint8
    assert image.ndim == 3
    assert image.shape[2] == 3


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "the file is empty"),
        (b"image,oil\n", "not a JPEG, PNG, WebP, BMP or TIFF picture"),
        (stored(Image.fromarray(PIXELS), "GIF"), "not a JPEG"),
        (b"RIFF\0\0\0\0WAVE", "not a JPEG"),
        (b"BMfoo", "damaged or cut short"),
    ],
    ids=["empty", "text", "GIF", "sound", "only the first letters"],
)
def test_what_is_no_picture_is_named_with_the_reason(content, said, keep):
    path = keep(content)
    with pytest.raises(ImageError) as caught:
        read_image(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert said in str(caught.value)
    assert isinstance(caught.value, UserError)


def test_what_is_no_file_is_named_with_the_reason(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path, said in [
        (tmp_path / "none.jpg", "no such file"),
        (tmp_path, "a folder or device"),
        (tmp_path / "pipe", "a folder or device"),
        (tmp_path / ("x" * 300), "too long"),
    ]:
        with pytest.raises(ImageError, match=said) as caught:
            read_image(path)
        assert str(path) in str(caught.value)
    with pytest.raises(ImageError, match="not a path"):
        read_image("a\0b.jpg")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission_is_named(keep):
    path = keep(stored(Image.fromarray(PIXELS), "PNG"))
    path.chmod(0)
    with pytest.raises(ImageError, match="permission denied"):
        read_image(path)
