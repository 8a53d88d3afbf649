"""The saved results of an account."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

from anyio import to_thread
from fastapi import APIRouter, Form, Response
from pydantic import BaseModel

from multiskin.serve.api.answers import RESULT, example, refusals
from multiskin.serve.api.dependencies import EngineDep, MemberId, ServicesDep
from multiskin.serve.api.photos import Files, Parts, score
from multiskin.serve.refusals import not_found

router = APIRouter(tags=["history"])

ZIP = {"content": {"application/zip": {}}, "description": "results.csv, results.json, and the photos that were kept"}


class Saved(BaseModel):
    """The id of the saved result, and the report with advice; the advice is not saved, since its texts may change."""

    id: int
    report: dict[str, Any]


@contextmanager
def _looked_up() -> Iterator[None]:
    """Answers 404 for results that do not exist or belong to another account."""
    try:
        yield
    except LookupError as error:
        raise not_found() from error


# Routes that access the database are plain functions, which FastAPI runs in threads.


@router.get("/history", responses=example([RESULT]) | refusals(401, 403))
def results(services: ServicesDep, account_id: MemberId) -> list[dict[str, Any]]:
    """All results, newest first."""
    return [result.to_dict() for result in services.history.results(account_id)]


@router.post("/history", status_code=201, responses=refusals(400, 401, 403, 409, 413, 415, 422, 503))
async def score_and_save(
    services: ServicesDep,
    engine: EngineDep,
    account_id: MemberId,
    photos: Files,
    parts: Parts = None,
    age: Annotated[int | None, Form(description="in years; giving it is consent to saving it")] = None,
    sex: Annotated[str | None, Form(description="female, male or other; giving it is consent to saving it")] = None,
    keep_photos: Annotated[bool, Form(description="whether to save the photos, too")] = False,
) -> Saved:
    """Score the photos of one person and save the result."""
    scored = await score(services, engine, photos, parts)
    report = scored.report.to_dict()
    kept = scored.photos if keep_photos else None
    with _looked_up():  # the account may have been deleted in the meantime
        saved = await to_thread.run_sync(services.history.save, account_id, report, age, sex, kept)
    return Saved(id=saved, report=report | services.advice.answer(report))


@router.delete("/history", status_code=204, responses=refusals(401, 403))
def delete_all(services: ServicesDep, account_id: MemberId) -> None:
    """Delete all results."""
    services.history.delete_all(account_id)


@router.get("/history/{result_id}", responses=example(RESULT) | refusals(401, 403, 404))
def result(services: ServicesDep, account_id: MemberId, result_id: int) -> dict[str, Any]:
    """One result."""
    with _looked_up():
        return services.history.result(account_id, result_id).to_dict()


@router.delete("/history/{result_id}", status_code=204, responses=refusals(401, 403, 404))
def delete_result(services: ServicesDep, account_id: MemberId, result_id: int) -> None:
    """Delete one result."""
    with _looked_up():
        services.history.delete_result(account_id, result_id)


@router.get(
    "/export",
    response_class=Response,
    responses={**refusals(401, 403), 200: ZIP},
)
def export(services: ServicesDep, account_id: MemberId) -> Response:
    """Everything saved in the account's history, as a ZIP."""
    headers = {"Content-Disposition": 'attachment; filename="multiskin.zip"'}
    return Response(services.history.export(account_id), media_type="application/zip", headers=headers)
