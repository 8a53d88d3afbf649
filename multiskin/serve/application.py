"""The whole demo as one ASGI application: the guard around everything, the API, the sign-in forms, and the page."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from anyio import to_thread
from fastapi import FastAPI
from pydantic import BaseModel

from multiskin import __version__
from multiskin.serve import entrance
from multiskin.serve.api.dependencies import ServicesDep
from multiskin.serve.api.errors import HANDLED, answer_error
from multiskin.serve.api.routes import router
from multiskin.serve.guard import Guard
from multiskin.serve.isolation import Isolation
from multiskin.serve.mounting import MountPage, mount
from multiskin.serve.services import Services
from multiskin.serve.settings import Settings


class Health(BaseModel):
    """The answer to a health check.

    Attributes:
        model: whether there is a model to score with.
    """

    model: bool


def create_application(settings: Settings, page: MountPage | None = None) -> FastAPI:
    """Creates the demo, ready to be served; its services are closed when the server shuts down.

    Args:
        settings: the settings of the demo.
        page: mounts a page under `/`; the demo's own by default.

    Raises:
        UserError: the data folder, the model or another file named in the settings cannot be used.
    """
    services = Services.open(settings)
    app = FastAPI(
        title="multiskin",
        version=__version__,
        openapi_url="/v1/openapi.json",
        docs_url=None,  # FastAPI's documentation pages load scripts from a CDN
        redoc_url=None,
        redirect_slashes=False,
        lifespan=_until_the_end,
    )
    app.state.services = services
    app.add_middleware(Guard, sessions=services.sessions, isolation=Isolation(services.inbox), settings=settings)
    for kind in HANDLED:
        app.add_exception_handler(kind, answer_error)
    app.include_router(router)
    app.add_api_route("/healthz", health, tags=["health"])
    app.router.routes += entrance.ROUTES
    mount(app, services, page or _mount_own_page)
    return app


def _mount_own_page(app: FastAPI, services: Services) -> None:
    from multiskin.serve.page import ROUTES, create_page, mount_page

    if services.clinics:
        app.router.routes += ROUTES
    mount_page(app, create_page(services), services.settings)


@asynccontextmanager
async def _until_the_end(app: FastAPI) -> AsyncIterator[None]:
    yield
    services: Services = app.state.services
    await to_thread.run_sync(services.close)


def health(services: ServicesDep) -> Health:
    """Check that the demo is up, and whether there is a model to score with."""
    return Health(model=services.engine is not None)
