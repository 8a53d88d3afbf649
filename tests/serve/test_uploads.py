"""What strangers send is a photograph within bounds, or is refused with a word and a message; nothing else happens."""

import io
import struct
import tempfile
import threading
import time
import zipfile
import zlib
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import numpy as np
import pytest
from PIL import Image

from multiskin.serve import uploads
from multiskin.serve.uploads import LONGEST, UploadError, read_upload, shown_name

CODES = {"empty", "bytes", "format", "mislabelled", "disguised", "pixels", "damaged"}
PIXELS = np.random.default_rng(0).integers(0, 256, (24, 36, 3), dtype=np.uint8)


def stored(kind, pixels=PIXELS, **options):
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, kind, **options)
    return file.getvalue()


PNG, JPEG, WEBP = stored("PNG"), stored("JPEG"), stored("WEBP", lossless=True)


def chunk(kind, content):
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png_of(width, height, body=b""):
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(body)) + chunk(b"IEND", b"")


def refused(content, name="photo", **options):
    with pytest.raises(UploadError) as caught:
        read_upload(content, name, **options)
    assert caught.value.code in CODES
    assert caught.value.message.startswith(f"{shown_name(name)}: ")
    assert str(caught.value) == caught.value.message
    return caught.value


# ----------------------------------------------------------------------------------------------------- photographs


@pytest.mark.parametrize(("content", "name"), [(PNG, "me.png"), (PNG, "blob"), (PNG, "ME.PNG"), (WEBP, "me.webp")])
def test_a_photo_gives_its_pixels(content, name):
    photo = read_upload(content, name)
    assert photo.dtype == np.uint8
    np.testing.assert_array_equal(photo, PIXELS)


@pytest.mark.parametrize("name", ["me.jpg", "me.JPEG", "me", ""])
def test_a_jpeg_by_any_of_its_names(name):
    assert read_upload(JPEG, name).shape == PIXELS.shape


def test_a_photo_is_turned_as_its_camera_says():
    exif = Image.Exif()
    exif[0x0112] = 6
    np.testing.assert_array_equal(read_upload(stored("PNG", exif=exif)), np.rot90(PIXELS, -1))


@pytest.mark.parametrize("shape", [(2400, 1200), (1200, 2400), (1601, 20)])
def test_a_large_photo_is_scaled_down(shape):
    photo = read_upload(stored("PNG", np.full((*shape, 3), (200, 150, 130), np.uint8)))
    assert max(photo.shape) == LONGEST
    assert abs(photo.shape[0] / photo.shape[1] / (shape[0] / shape[1]) - 1) < 0.05
    assert (photo == (200, 150, 130)).all()


def test_a_photo_that_is_small_enough_stays_as_it_is():
    pixels = np.random.default_rng(1).integers(0, 256, (LONGEST, 3, 3), dtype=np.uint8)
    np.testing.assert_array_equal(read_upload(stored("PNG", pixels)), pixels)


@pytest.mark.parametrize("kind", ["WEBP", "PNG"])
def test_of_a_film_the_first_picture_is_taken(kind):
    frames = [Image.new("RGB", (20, 10), colour) for colour in ("red", "green", "blue")]
    file = io.BytesIO()
    frames[0].save(file, kind, save_all=True, append_images=frames[1:], lossless=True)
    assert (read_upload(file.getvalue()) == (255, 0, 0)).all()


def test_what_a_phone_appends_does_no_harm():
    """A moving picture after the picture, which some cameras write: it is not looked at, and not kept."""
    film = b"\0\0\0\x18ftypmp42" + bytes(500)
    np.testing.assert_array_equal(read_upload(PNG + film), PIXELS)
    assert read_upload(JPEG + film).shape == PIXELS.shape


# --------------------------------------------------------------------------------------------------------- refused


def test_nothing_is_no_photo():
    assert refused(b"").code == "empty"


def test_too_many_bytes_are_not_looked_at(monkeypatch):
    monkeypatch.setattr(uploads, "decode_image", None)
    error = refused(PNG + bytes(3_000_000), "big.png", most_bytes=2_000_000)
    assert error.code == "bytes"
    assert "3 MB; send a photo of at most 2 MB" in error.message


@pytest.mark.parametrize(("width", "height"), [(50_000, 50_000), (2**31 - 1, 2**31 - 1), (40_000_001, 1)])
def test_a_bomb_is_seen_by_its_header(width, height):
    error = refused(png_of(width, height, bytes(1000)))
    assert error.code == "pixels"
    assert "40 megapixels or fewer" in error.message


OTHERS = {
    "svg": b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>',
    "xml": b'<?xml version="1.0"?><svg/>',
    "html": b"<!doctype html><p>a page",
    "pdf": b"%PDF-1.7\n",
    "zip": b"PK\x03\x04" + bytes(40),
    "heic": b"\0\0\0\x18ftypheic" + bytes(40),
    "gif": stored("GIF"),
    "bmp": stored("BMP"),
    "tiff": stored("TIFF"),
    "text": b"me",
    "nul": bytes(100),
}


@pytest.mark.parametrize("kind", OTHERS)
@pytest.mark.parametrize("name", ["photo", "photo.png"])
def test_what_is_no_photograph_is_refused_whatever_it_is_called(kind, name):
    error = refused(OTHERS[kind], name)
    assert error.code == "format"
    assert "save it in one of these formats" in error.message


@pytest.mark.parametrize(("content", "name"), [(PNG, "me.jpg"), (JPEG, "me.png"), (WEBP, "me.jpeg"), (JPEG, "a.WEBP")])
def test_a_mislabelled_photo_is_refused(content, name):
    error = refused(content, name)
    assert error.code == "mislabelled"
    assert "rename it to end in ." in error.message


def zipped():
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("run.txt", "anything")
    return file.getvalue()


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (JPEG + zipped(), "ZIP"),
        (PNG + zipped(), "ZIP"),
        (PNG[:33] + chunk(b"tEXt", b"Comment\0%PDF-1.7\n1 0 obj") + PNG[33:], "PDF"),
        (JPEG[:2] + b"\xff\xfe\0\x1a<ScRiPt>alert(1)</script>"[:28] + JPEG[2:], "script"),
        (PNG + b"<!DOCTYPE html><body>", "script"),
        (PNG + b"<?php system($_GET['c']); ?>", "script"),
    ],
)
def test_a_picture_that_is_something_else_as_well_is_refused(content, what):
    error = refused(content)
    assert error.code == "disguised"
    assert what in error.message


@pytest.mark.parametrize("word", [b"PK\x05\x06", b"<!doctype htm", b"<scrip", b"%PDF"])
def test_nobody_can_have_a_search_take_for_ever(word):
    content, began = PNG + (10_000_000 // len(word)) * word, time.process_time()
    with suppress(UploadError):
        read_upload(content)
    assert time.process_time() - began < 5  # it is 0.2, where a search that goes back takes hours


@pytest.mark.parametrize("content", [PNG, JPEG, WEBP])
@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_a_truncated_photo_is_refused(content, share):
    assert refused(content[: int(share * len(content))]).code == "damaged"


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("../../etc/passwd.png", "passwd.png"),
        ("C:\\Users\\me\\face.jpg", "face.jpg"),
        ("a\r\nSet-Cookie: x\x1b[31m\u202e.jpg", "aSet-Cookie: x[31m.jpg"),
        ("얼굴.png", "얼굴.png"),
        ("x" * 500 + ".png", "x" * 76 + ".png"),
        ("", "photo"),
        ("..", "photo"),
        ("/", "photo"),
    ],
)
def test_of_a_name_only_what_can_be_shown_is_kept(name, shown):
    assert shown_name(name) == shown


# ------------------------------------------------------------------------------------------------------- hostile ones


def cut_short(content, rng):
    return content[: rng.integers(len(content))]


def flipped(content, rng):
    changed = bytearray(content)
    for place in rng.integers(len(content), size=rng.integers(1, 20)):
        changed[place] = rng.integers(256)
    return bytes(changed)


def with_another_number(content, rng):
    """Sizes and lengths among them."""
    place = int(rng.integers(len(content)))
    number = struct.pack(">I", rng.choice([0, 1, 2**16, 2**31 - 1, 2**32 - 1]))
    return content[:place] + number + content[place + 4 :]


def with_noise_at_the_start(content, rng):
    length = int(rng.integers(1, 40))
    return rng.bytes(length) + content[length:]


def stretched(content, rng):
    place = int(rng.integers(len(content)))
    return content[:place] + rng.bytes(int(rng.integers(1, 300))) + content[place:]


def with_another_behind(content, rng):
    return content + list(OTHERS.values())[rng.integers(len(OTHERS))]


def with_another_header(content, rng):
    return [PNG, JPEG, WEBP, OTHERS["tiff"]][rng.integers(4)][:16] + content[16:]


def of_another_size(_, rng):
    width, height = rng.choice([0, 1, 5000, 9000, 2**20], 2)
    return png_of(int(width), int(height), rng.bytes(200))


ATTACKS = (
    cut_short,
    flipped,
    with_another_number,
    with_noise_at_the_start,
    stretched,
    with_another_behind,
    with_another_header,
    of_another_size,
)
KINDS = ("PNG", "JPEG", "WEBP", "BMP", "TIFF", "GIF")
NAMES = ("me", "me.png", "me.jpg", "me.webp", "../me.svg", "\0", "me.png\n")


def hostile(seed):
    """Up to three attacks on a picture of any kind."""
    rng = np.random.default_rng(seed)
    pixels = rng.integers(0, 256, (*rng.integers(1, 60, 2), 3), dtype=np.uint8)
    content = stored(KINDS[rng.integers(len(KINDS))], pixels)
    for attack in rng.integers(len(ATTACKS), size=rng.integers(1, 4)):
        content = ATTACKS[attack](content or b"-", rng)
    return content, NAMES[rng.integers(len(NAMES))]


def answer(content, name):
    """The word for why an upload is refused; "" for a photo."""
    try:
        photo = read_upload(content, name)
    except UploadError as refusal:
        return refusal.code if refusal.message.isprintable() else "unprintable"
    right = photo.dtype == np.uint8 and photo.ndim == 3 and photo.size and max(photo.shape) <= LONGEST
    return "" if right else "no photo"


@pytest.mark.parametrize("count", [200, pytest.param(5000, marks=pytest.mark.slow)])
def test_hostile_uploads_are_photos_or_refused_and_leave_nothing(count, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    answers = {answer(*hostile([count, number])) for number in range(count)}
    assert {"", "format", "damaged", "mislabelled", "pixels"} <= answers <= CODES | {""}
    assert not list(tmp_path.iterdir())


def test_a_few_are_decoded_at_once_however_many_come(monkeypatch):
    most, decoding, lock = 0, 0, threading.Lock()

    def slow(*arguments):
        nonlocal most, decoding
        with lock:
            decoding += 1
            most = max(most, decoding)
        time.sleep(0.02)
        with lock:
            decoding -= 1
        return PIXELS

    monkeypatch.setattr(uploads, "decode_image", slow)
    with ThreadPoolExecutor(12) as callers:
        for photo in callers.map(read_upload, [PNG] * 24):
            assert photo is PIXELS
    assert most == uploads.AT_ONCE
