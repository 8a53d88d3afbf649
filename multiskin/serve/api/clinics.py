"""Clinics near a place."""

from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import BaseModel, Field

from multiskin.serve.api.answers import NEAREST, example, refusals
from multiskin.serve.api.dependencies import ServicesDep
from multiskin.serve.clinics import Place
from multiskin.serve.nearby import nearest
from multiskin.serve.refusals import Refusal

router = APIRouter(tags=["clinics"])


class Where(BaseModel):
    """A point on the earth (WGS 84), in degrees north and east."""

    latitude: Annotated[float, Field(ge=-90, le=90, allow_inf_nan=False, examples=[37.5665])]
    longitude: Annotated[float, Field(ge=-180, le=180, allow_inf_nan=False, examples=[126.978])]


# POST although it changes nothing, since URLs are logged on their way and a location is private.
@router.post("/clinics", responses=example(NEAREST) | refusals(401, 404, 422))
def clinics_near(services: ServicesDep, where: Where) -> list[dict[str, Any]]:
    """The clinics nearest to a place, with distances in kilometres; the place is neither stored nor logged."""
    if not services.clinics:
        raise Refusal(404, "no_clinics", "This demo has no list of clinics.")
    found = nearest(services.clinics, Place(where.latitude, where.longitude))
    return [near.clinic.to_dict() | {"km": round(near.km, 3)} for near in found]
