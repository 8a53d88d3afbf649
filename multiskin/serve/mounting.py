"""Gradio's page inside the demo, with uploads in our own hands and all that calls elsewhere switched off."""

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

MOST_FILES = 8  # of one upload
SWITCHED_OFF = ("GRADIO_ANALYTICS_ENABLED", "GRADIO_SSR_MODE", "GRADIO_MCP_SERVER", "GRADIO_RUN_HISTORY")
# Gradio sums up how long all of the last ten thousand clicks took, after each click, for a page that is not served.
UNCOUNTED = {"GRADIO_ANALYTICS_MAX_EVENTS": "1", "GRADIO_ANALYTICS_CACHE_FREQUENCY": "1000000000"}

MountPage = Callable[[FastAPI, Services], None]


def mount(app: FastAPI, services: Services, mount_page: MountPage) -> None:
    """Puts the page where nothing else of the demo is."""
    # Gradio reads these when it is imported and when a page is made.
    os.environ |= dict.fromkeys(SWITCHED_OFF, "False") | {"HF_HUB_DISABLE_TELEMETRY": "1"} | UNCOUNTED
    os.environ["GRADIO_TEMP_DIR"] = str(services.inbox.folder)
    app.router.routes += ROUTES  # before Gradio's own of the same paths
    mount_page(app, services)


async def upload(request: Request) -> Response:
    """Takes the photos that the page sends, and tells their paths to whom they belong."""
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
    """The page asks how far an upload is; its bar is not worth a record of who uploads what."""
    return Response('data: {"msg": "done"}\n\n', media_type="text/event-stream")


ROUTES = [
    Route("/gradio_api/upload", upload, methods=["POST"]),
    Route("/gradio_api/upload_progress", upload_progress, methods=["GET"]),
]
