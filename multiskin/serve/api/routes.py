"""All routes of the API."""

from fastapi import APIRouter

from multiskin.serve.api import accounts, clinics, history, scoring

router = APIRouter(prefix="/v1")
for each in (accounts, scoring, history, clinics):
    router.include_router(each.router)
