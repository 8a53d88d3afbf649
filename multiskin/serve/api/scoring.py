"""The model's schema, and the scoring of photos."""

from typing import Annotated, Any

from anyio import to_thread
from fastapi import APIRouter, Form

from multiskin.serve.api.answers import SCHEMA, SCORED, example, refusals
from multiskin.serve.api.dependencies import EngineDep, ServicesDep
from multiskin.serve.api.photos import Files, Parts, pictures, score

router = APIRouter(tags=["scoring"])
WithMaps = Annotated[bool, Form(description="whether to include each photo and its maps, as data URIs")]


@router.get("/schema", responses=example(SCHEMA) | refusals(401, 503))
async def schema(engine: EngineDep) -> dict[str, Any]:
    """The attributes that the model grades, and the parts that photos may show."""
    return engine.schema.to_dict() | {"parts": list(engine.parts), "model": engine.model}


@router.post("/score", responses=example(SCORED) | refusals(400, 401, 413, 415, 422, 503))
async def score_photos(
    services: ServicesDep, engine: EngineDep, photos: Files, parts: Parts = None, maps: WithMaps = False
) -> dict[str, Any]:
    """Score the photos of one person; nothing is stored."""
    scored = await score(services, engine, photos, parts)
    report = scored.report.to_dict()
    answer = report | services.advice.answer(report)
    if maps:
        made = await to_thread.run_sync(pictures, scored.report, engine.schema, limiter=services.decoding)
        answer["pictures"] = made
    return answer
