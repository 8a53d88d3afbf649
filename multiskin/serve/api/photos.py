"""Scoring of photos sent to the API, in memory only."""

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

MOST_PHOTOS = 16  # of one person; as many as the network processes in one batch

Files = Annotated[list[UploadFile], File(description="one or more photos of one person: JPEG, PNG or WebP")]
Parts = Annotated[
    list[str] | None,
    Form(description="the part that each photo shows, in the same order, named as in the schema; empty if unknown"),
]


class Scored(NamedTuple):
    """Decoded photos, and the report on them."""

    photos: list[Photo]
    report: Report


async def score(services: Services, engine: Engine, files: Sequence[UploadFile], parts: Sequence[str] | None) -> Scored:
    """Scores the photos of one person.

    Raises:
        Refusal: too many photos, an unknown part, or a different number of parts.
        UploadError: a file is not a valid photo.
        Busy: too many photos are waiting.
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
        raise Refusal(422, "parts", f"{len(parts)} parts for {count} photos; give one for each photo, or none.")
    for part in parts:
        if part and part not in engine.parts:
            raise Refusal(422, "parts", str(unknown("part", part[:80], engine.parts)))
    return [part or None for part in parts]


def pictures(report: Report, schema: Schema) -> list[dict[str, Any]]:
    """Each photo as the network saw it, with a map to overlay for each attribute that it counts for."""
    return [_pictures(photo, schema) for photo in report.photos]


def _pictures(photo: PhotoReport, schema: Schema) -> dict[str, Any]:
    maps = {name: map_uri(found, schema, photo.pixels.shape) for name, found in photo.maps.items()}
    return {"photo": photo_uri(photo.pixels), "maps": maps}
