"""Small untrained models, and the whole demo on them: behind its guard with a page that has few fields, or for real."""

import asyncio
import http.client
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing
from functools import cached_property, partial
from io import BytesIO
from itertools import count
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

import numpy as np
import pytest
import torch
from argon2 import PasswordHasher
from fastapi import FastAPI
from PIL import Image
from starlette.testclient import TestClient

import multiskin
from multiskin.config import ModelConfig, OptimizerConfig, Recipe
from multiskin.data.transforms import Preprocessing
from multiskin.models.blueprint import Blueprint
from multiskin.schema import Attribute, Schema
from multiskin.serve import services
from multiskin.serve.accounts import Accounts
from multiskin.serve.application import create_application
from multiskin.serve.services import Services
from multiskin.serve.sessions import session_of
from multiskin.serve.settings import Settings
from multiskin.training.module import SkinModule

SIZE = 64  # pixels
GRADED = Schema((Attribute("shine", 5), Attribute("lines", 3), Attribute("kind", 4, "nominal")))
PARTS = {"shine": ("forehead",), "lines": ("forehead", "chin")}
HOME = "http://localhost"


ADVICE = Path(__file__).parents[2] / "configs" / "advice" / "skin5.yaml"
CLINICS = """name,latitude,longitude,phone
맑은피부과,37.5700,126.9779,02-123-4567
Busan Skin,35.1798,129.0750,
"""
EMBEDDED = Schema.load(Path(multiskin.__file__).parent / "embedded" / "schema.yaml")
START = 300  # seconds at most, on a machine that has other things to do


def untrained(schema: Schema, parts: Mapping[str, tuple[str, ...]]) -> SkinModule:
    torch.manual_seed(0)
    torch.set_num_threads(1)
    model = ModelConfig("test_efficientnet", weights="none", input_size=SIZE)
    counts = tuple((1,) * attribute.grades for attribute in schema)
    blueprint = Blueprint(schema, model, (Recipe(),) * len(counts), counts, parts)
    preprocessing = Preprocessing(SIZE, (0.5, 0.5, 0.5), (0.2, 0.2, 0.2))
    return SkinModule(blueprint.build(), blueprint, preprocessing, OptimizerConfig())


def saved(module: SkinModule, path: Path) -> Path:
    content = {"state_dict": module.state_dict()}
    module.on_save_checkpoint(content)
    torch.save(content, path)
    return path


@pytest.fixture(scope="session")
def served_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint with heads for GRADED."""
    return saved(untrained(GRADED, PARTS), tmp_path_factory.mktemp("served") / "best.ckpt")


@pytest.fixture(scope="session")
def five_heads(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint that says grade 3 of everything, more or less sure of it from place to place."""
    module = untrained(EMBEDDED, dict.fromkeys(EMBEDDED.names, ("chin", "forehead")))
    with torch.no_grad():
        for _, head in module.net.named_heads():
            head.linear.weight.normal_()
            head.linear.bias[3] += 6
    return saved(module, tmp_path_factory.mktemp("five") / "best.ckpt")


def mount_small_page(app: FastAPI, services: Services) -> None:
    """Says who asks, how large the file is that was sent, and what this tab said last."""
    import gradio as gr

    def tell(path: str | None, words: str, before: str, request: gr.Request) -> tuple[str, str]:
        size = Path(path).stat().st_size if path else 0
        return f"{session_of(request).id} {size} {before}", words

    with gr.Blocks(analytics_enabled=False) as page:
        file, words, before, said = gr.File(), gr.Textbox(), gr.State(""), gr.Textbox()
        gr.Button().click(tell, [file, words, before], [said, before], api_visibility="private")
    gr.mount_gradio_app(app, page, path="/", footer_links=[], run_history=False, ssr_mode=False, mcp_server=False)


@pytest.fixture
def small_page() -> Callable[[FastAPI, Services], None]:
    return mount_small_page


def no_page(app: FastAPI, services: Services) -> None:
    """Gradio takes long to load, and much needs none."""


async def made(settings: Settings, page) -> FastAPI:
    """Gradio makes an event loop, and leaves it open, where none runs."""
    return create_application(settings, page)


@pytest.fixture
def open_demo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., TestClient]]:
    """Starts demos, each in a folder of its own, and gives a browser that has not been there before."""
    numbers = count()
    fast = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)  # it takes long on purpose
    monkeypatch.setattr(services, "Accounts", partial(Accounts, hasher=fast))
    with ExitStack() as stack:

        def start(page=no_page, **settings) -> TestClient:
            settings = {"data": tmp_path / f"demo-{next(numbers)}", "device": "cpu"} | settings
            app = asyncio.run(made(Settings(**settings), page))
            return stack.enter_context(TestClient(app, HOME, follow_redirects=False, raise_server_exceptions=False))

        yield start


@pytest.fixture
def demo(open_demo: Callable[..., TestClient], served_model: Path) -> TestClient:
    return open_demo(model=served_model)


@pytest.fixture
def another(demo: TestClient) -> Callable[[], TestClient]:
    """Browsers of other people at the same demo."""
    return lambda: TestClient(demo.app, HOME, follow_redirects=False, raise_server_exceptions=False)


@pytest.fixture(scope="session")
def jpeg() -> bytes:
    """A photo that the gate of quality has nothing against: colours of skin, and sharp."""
    noise = np.random.default_rng(0).integers(-40, 41, (240, 200, 1))
    file = BytesIO()
    Image.fromarray((np.array([200, 150, 130]) + noise).astype(np.uint8)).save(file, "JPEG", quality=95)
    return file.getvalue()


class Server:
    """The demo as the command starts it, in a process of its own."""

    def __init__(self, folder: Path, model: Path | None, root: str) -> None:
        self._data, self._log, self._root = folder / "data", folder / "log", root
        (folder / "clinics.csv").write_text(CLINICS, encoding="cp949")
        options = [
            "--port",
            "0",
            f"--root-path={root}",
            "--data",
            str(self._data),
            "--device",
            "cpu",
            "--max-upload",
            "2",
            "--advice",
            str(ADVICE),
            "--clinics",
            str(folder / "clinics.csv"),
        ]
        models = [] if model is None else [str(model)]
        with self._log.open("w") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "multiskin", "demo", *models, *options],
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env=os.environ | {"OMP_NUM_THREADS": "1"},
            )

    @cached_property
    def port(self) -> int:
        """Once it answers there."""
        assert self.process.stdout is not None
        port, until = int(re.search(r":(\d+)/", self.process.stdout.readline())[1]), time.monotonic() + START
        while self.process.poll() is None and time.monotonic() < until:
            try:
                urlopen(f"http://127.0.0.1:{port}/healthz", timeout=START).close()
            except URLError:
                time.sleep(0.1)
            else:
                return port
        raise AssertionError(f"no answer: {self._log.read_text()}")

    @property
    def address(self) -> str:
        """Of the page."""
        return f"http://127.0.0.1:{self.port}{self._root}/"

    @property
    def data(self) -> Path:
        """Its folder, which is its own to make."""
        assert self.port
        return self._data

    def require_end(self) -> None:
        """Without a word, as it is meant to after Ctrl-C."""
        with self.process:
            try:
                assert self.process.wait(START) == 0
            finally:
                self.process.kill()
        assert not re.search("Traceback|ERROR", self._log.read_text())

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=30)

    def ask(self, method: str, path: str, body: bytes | None = None, **headers: str) -> tuple[int, Any, bytes]:
        """The answer's status, headers and body."""
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)) as connection:
            connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()

    def open_page(self) -> socket.socket:
        """The stream that a browser holds for as long as it shows the page."""
        connection = self.connect()
        head = f"GET {self._root}/gradio_api/heartbeat/tab HTTP/1.1\r\nHost: localhost\r\nCookie: {self.guest()}"
        connection.sendall(f"{head}\r\n\r\n".encode())
        assert connection.recv(65536).startswith(b"HTTP/1.1 200 ")
        return connection

    def guest(self) -> str:
        return self.ask("POST", "/v1/guest")[1]["set-cookie"].partition(";")[0]


@pytest.fixture(scope="session")
def serve(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Server]]:
    """Starts the demo for real; who asks for its address waits for it."""
    servers: list[Server] = []

    def start(model: Path | None = None, root: str = "") -> Server:
        servers.append(Server(tmp_path_factory.mktemp("real"), model, root))
        return servers[-1]

    yield start
    with ExitStack() as pages:
        for server in servers:
            pages.enter_context(server.open_page())  # until it is up, Ctrl-C means something else to it
            server.process.send_signal(signal.SIGINT)
        for server in servers:
            server.require_end()


@pytest.fixture(scope="session")
def server(serve: Callable[..., Server], five_heads: Path) -> Server:
    """It takes long to start, so that one does for all."""
    return serve(five_heads)
