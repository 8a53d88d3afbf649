"""Photos that programs send: scored while they are in memory, and in the answer."""

from collections.abc import Sequence
from functools import partial
from typing import Annotated, Any, NamedTuple

from anyio import to_thread
from fastapi import File, Form, UploadFile

from multiskin.errors import unknown
from multiskin.schema import Schema
from multiskin.serve.engine import Engine, Photo, PhotoReport, Report
from multiskin.serve.pictures import map_uri, photo_uri
from multiskin.serve.refusals import Refusal
from multiskin.serve.services import Services
from multiskin.serve.uploads import read_upload, shown_name

MOST_PHOTOS = 16  # of one person; the network takes no more at once

Files = Annotated[list[UploadFile], File(description="one photo of a person, or several: JPEG, PNG or WebP")]
Parts = Annotated[
    list[str] | None,
    Form(description="what each photo shows, in the same order, in the model's words; empty where nobody knows"),
]


class Scored(NamedTuple):
    """What was sent, and what is said of it."""

    photos: list[Photo]
    report: Report


async def score(services: Services, engine: Engine, files: Sequence[UploadFile], parts: Sequence[str] | None) -> Scored:
    """Scores the photos of one person.

    Raises:
        Refusal: too many photos, or not one part for each.
        Refused: one that is not taken.
        Busy: too many wait.
    """
    if len(files) > MOST_PHOTOS:
        raise Refusal(413, "photos", f"{len(files)} photos; send {MOST_PHOTOS} or fewer at once.")
    shown = _parts(engine, len(files), parts)
    photos = []
    for file, part in zip(files, shown, strict=True):
        content, name = await file.read(), shown_name(file.filename or "photo")
        read = partial(read_upload, content, name, services.settings.max_bytes)
        pixels = await to_thread.run_sync(read, limiter=services.decoding)
        photos.append(Photo(pixels, part, name))
    report = await to_thread.run_sync(engine.report, photos, limiter=services.scoring)
    return Scored(photos, report)


def _parts(engine: Engine, count: int, parts: Sequence[str] | None) -> list[str | None]:
    if not parts:
        return [None] * count
    if len(parts) != count:
        raise Refusal(422, "parts", f"{len(parts)} parts for {count} photos; give one for each, or none at all.")
    for part in parts:
        if part and part not in engine.parts:
            raise Refusal(422, "parts", str(unknown("part", part[:80], engine.parts)))
    return [part or None for part in parts]


def pictures(report: Report, schema: Schema) -> list[dict[str, Any]]:
    """The photos as they were looked at, and for each attribute that they count for a map to lay on them."""
    return [_pictures(photo, schema) for photo in report.photos]


def _pictures(photo: PhotoReport, schema: Schema) -> dict[str, Any]:
    maps = {name: map_uri(found, schema, photo.pixels.shape) for name, found in photo.maps.items()}
    return {"photo": photo_uri(photo.pixels), "maps": maps}
