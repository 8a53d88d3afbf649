"""Mounts Gradio's page in the demo: with our own upload handling, and without anything that contacts other servers."""

import os
from collections.abc import Callable

from anyio import to_thread
from fastapi import FastAPI
from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from multiskin.serve.inbox import Inbox
from multiskin.serve.services import Services
from multiskin.serve.sessions import session_of

MOST_FILES = 8  # in one upload
DISABLED = ("GRADIO_ANALYTICS_ENABLED", "GRADIO_SSR_MODE", "GRADIO_MCP_SERVER", "GRADIO_RUN_HISTORY")
# After each click, Gradio recomputes timing statistics over the last ten thousand clicks, for a page we do not serve.
NO_STATISTICS = {"GRADIO_ANALYTICS_MAX_EVENTS": "1", "GRADIO_ANALYTICS_CACHE_FREQUENCY": "1000000000"}

MountPage = Callable[[FastAPI, Services], None]


def mount(app: FastAPI, services: Services, mount_page: MountPage) -> None:
    """Mounts the page under `/`, after all other routes."""
    # Gradio reads these when it is imported and when a page is created.
    os.environ |= dict.fromkeys(DISABLED, "False") | {"HF_HUB_DISABLE_TELEMETRY": "1"} | NO_STATISTICS
    os.environ["GRADIO_TEMP_DIR"] = str(services.inbox.folder)
    app.router.routes += ROUTES  # before Gradio's routes, so that ours win for the same paths
    mount_page(app, services)


async def upload(request: Request) -> Response:
    """Stores the uploaded photos for the session that sent them, and answers with their paths."""
    services: Services = request.app.state.services
    session = session_of(request).id
    async with request.form(max_files=MOST_FILES, max_fields=0) as form:
        files = [file for file in form.getlist("files") if isinstance(file, UploadFile)]
        paths = [await _keep(services.inbox, session, file) for file in files]
    return JSONResponse(paths)


async def _keep(inbox: Inbox, session: str, file: UploadFile) -> str:
    content = await file.read()
    path = inbox.place(session, file.filename or "", len(content))
    await to_thread.run_sync(path.write_bytes, content)
    return str(path)


async def upload_progress(_: Request) -> Response:
    """Reports every upload as done: a progress bar is not worth tracking who uploads what."""
    return Response('data: {"msg": "done"}\n\n', media_type="text/event-stream")


ROUTES = [
    Route("/gradio_api/upload", upload, methods=["POST"]),
    Route("/gradio_api/upload_progress", upload_progress, methods=["GET"]),
]
