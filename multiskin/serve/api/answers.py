"""Answers in the API's documentation: refusals and examples."""

from typing import Any

from pydantic import BaseModel, Field

REASONS = {
    400: "the request is malformed",
    401: "there is no session, or the name or password is wrong",
    403: "not available to guests, or not from another site's page",
    404: "it does not exist, or belongs to another account",
    409: "the name is taken, or there is no room",
    413: "too large, or too many photos",
    415: "not a photo in an accepted format",
    422: "invalid value",
    429: "too many attempts; see Retry-After",
    503: "too many photos are waiting, or there is no model yet; see Retry-After",
}


class Told(BaseModel):
    """Why a request is refused."""

    code: str = Field(description="an identifier, the same in every version", examples=["busy"])
    message: str = Field(examples=["Too many photos are being scored right now; try again in a moment."])


class RefusalBody(BaseModel):
    error: Told


def refusals(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Documents the refusals of a route by status, and the form of any other, where FastAPI would document its own."""
    described = {"default": "any other refusal"} | {status: REASONS[status] for status in statuses}
    return {status: {"model": RefusalBody, "description": reason} for status, reason in described.items()}


def example(content: Any) -> dict[int | str, dict[str, Any]]:
    """Documents the answer of a route by an example."""
    return {200: {"content": {"application/json": {"example": content}}}}


SCHEMA = {
    "attributes": [{"name": "shine", "kind": "ordinal", "grades": 5, "display": {"en": "Shine", "ko": "번들거림"}}],
    "parts": ["forehead", "chin"],
    "model": "1f0c2a9be377",
}
SCORED = {
    "model": "1f0c2a9be377",
    "attributes": [
        {
            "name": "shine",
            "grade": 2,
            "score": 1.93,
            "probabilities": [0.06, 0.21, 0.49, 0.22, 0.02],
            "confidence": 0.49,
            "likely": [1, 2, 3],
            "applies": True,
            "why_not": [],
            "photos": [0],
        },
        {
            "name": "lines",
            "grade": None,
            "score": None,
            "probabilities": None,
            "confidence": None,
            "likely": None,
            "applies": False,
            "why_not": ["blurred"],
            "photos": [],
        },
    ],
    "photos": [
        {
            "name": "forehead.jpg",
            "part": "forehead",
            "quality": {"lightness": 71.2, "clipped": 0.0, "sharpness": 0.03, "resolution": 1.9, "skin": 0.96},
            "notes": ["blurred"],
        }
    ],
}
NEAREST = [
    {
        "name": "Skin clinic",
        "latitude": 37.571,
        "longitude": 126.9769,
        "phone": "02-123-4567",
        "address": "1 Sejong-daero, Seoul",
        "url": "",
        "km": 0.51,
    }
]
RESULT = {"id": 7, "when": "2026-05-04T09:30:00+00:00", "age": None, "sex": None, "report": SCORED}
