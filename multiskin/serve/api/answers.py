"""What the API's documentation says of answers."""

from typing import Any

from pydantic import BaseModel, Field

REASONS = {
    400: "malformed, or asked in a way that nobody asks",
    401: "no session, or the name or the password is wrong",
    403: "not for guests, or not from this page",
    404: "not there, or another's",
    409: "taken, or full",
    413: "too large",
    415: "not a photo of a known format",
    422: "not a value that can be",
    429: "too many tries; see Retry-After",
    503: "too much is waiting; see Retry-After",
}


class Told(BaseModel):
    """Why a request is not served."""

    code: str = Field(description="one word, the same in every version", examples=["busy"])
    message: str = Field(examples=["Too much is being scored just now; ask again in a moment."])


class RefusalBody(BaseModel):
    error: Told


def refusals(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """What a route's documentation says of requests that are not served."""
    return {status: {"model": RefusalBody, "description": REASONS[status]} for status in statuses}


def example(content: Any) -> dict[int | str, dict[str, Any]]:
    """What a route's documentation shows of its answer."""
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
