"""The whole demo in a process of its own, and a real browser that notes whatever it should not see."""

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import pytest
import torch

import multiskin
from multiskin.config import ModelConfig, OptimizerConfig, Recipe
from multiskin.data.transforms import Preprocessing
from multiskin.models.blueprint import Blueprint
from multiskin.schema import Schema
from multiskin.training.module import SkinModule

playwright = pytest.importorskip("playwright.sync_api")

SIZE = 64
START, WAIT = 300, 60  # seconds at most, on a machine that has other things to do
EMBEDDED = Schema.load(Path(multiskin.__file__).parent / "embedded" / "schema.yaml")
PARTS = dict.fromkeys(EMBEDDED.names, ("chin", "forehead"))
SERVE = """
import sys
from pathlib import Path
import torch, uvicorn
torch.set_num_threads(1)
from multiskin.serve.application import create_application
from multiskin.serve.settings import Settings
model, data, port, root = sys.argv[1:]
settings = Settings(model=Path(model) if model else None, data=Path(data), port=int(port), root_path=root, device="cpu")
uvicorn.run(create_application(settings), host="127.0.0.1", port=int(port), log_level="warning")
"""


@pytest.fixture(scope="session")
def five_heads(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An untrained checkpoint that says grade 3 of everything, more or less sure of it from place to place."""
    torch.manual_seed(0)
    model = ModelConfig("test_efficientnet", weights="none", input_size=SIZE)
    counts = tuple((1,) * attribute.grades for attribute in EMBEDDED)
    blueprint = Blueprint(EMBEDDED, model, (Recipe(),) * len(EMBEDDED), counts, PARTS)
    net = blueprint.build()
    with torch.no_grad():
        for _, head in net.named_heads():
            head.linear.weight.normal_()
            head.linear.bias[3] += 6
    module = SkinModule(net, blueprint, Preprocessing(SIZE, (0.5,) * 3, (0.2,) * 3), OptimizerConfig())
    content = {"state_dict": module.state_dict()}
    module.on_save_checkpoint(content)
    path = tmp_path_factory.mktemp("five") / "best.ckpt"
    torch.save(content, path)
    return path


Serve = Callable[..., str]


@pytest.fixture(scope="module")
def serve(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serve]:
    """Starts demos and gives their addresses."""
    processes: list[subprocess.Popen[bytes]] = []

    def start(model: Path | str = "", root: str = "") -> str:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        data = tmp_path_factory.mktemp("data")
        command = [sys.executable, "-c", SERVE, str(model), str(data), str(port), root]
        processes.append(subprocess.Popen(command, env=os.environ | {"MULTISKIN_CACHE": str(data / "cache")}))
        address = f"http://127.0.0.1:{port}{root}/"
        _wait_for(f"{address}healthz", processes[-1])
        return address

    yield start
    for process in processes:
        process.terminate()
    for process in processes:
        process.wait(20)


def _wait_for(address: str, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + START
    while time.monotonic() < until and process.poll() is None:
        try:
            with urlopen(address, timeout=2):
                return
        except URLError:
            time.sleep(0.2)
    raise AssertionError(f"no answer from {address}; the process ended with {process.poll()}")


@pytest.fixture(scope="module")
def demo(serve: Serve, five_heads: Path) -> str:
    return serve(five_heads)


@pytest.fixture(scope="module")
def chromium():
    path = shutil.which("chromium") or shutil.which("google-chrome")
    if path is None:
        pytest.skip("no Chromium here")
    with playwright.sync_playwright() as library:
        browser = library.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


class Visitor:
    """One person's browser.

    Attributes:
        page: its tab.
        noted: what went wrong or left the demo, in words.
        asked: every address that was asked for.
    """

    def __init__(self, browser, address: str, **options) -> None:
        self.address = address
        self.noted: list[str] = []
        self.asked: list[str] = []
        self.context = browser.new_context(
            **({"locale": "en-US", "viewport": {"width": 1280, "height": 900}} | options)
        )
        self.page = self.context.new_page()
        self.page.set_default_timeout(1000 * WAIT)
        self.page.on("request", self._note_request)
        self.page.on("console", lambda said: said.type == "error" and self.noted.append(f"console: {said.text}"))
        self.page.on("pageerror", lambda error: self.noted.append(f"error: {error}"))
        self.page.on("response", lambda got: got.status >= 400 and self.noted.append(f"{got.status}: {got.url}"))
        self.page.goto(address)
        self.page.wait_for_selector("#ms-head .ms-head")

    def _note_request(self, request) -> None:
        self.asked.append(request.url)
        if not request.url.startswith((self.address, "data:", "blob:")):
            self.noted.append(f"asked {request.url}")

    def sign_up(self, name: str, password: str) -> None:
        self.page.click(".ms-nav a[href='sign-up']")
        self.page.fill("#name", name)
        self.page.fill("#password", password)
        self.page.click("form button")
        self.page.wait_for_selector(f".ms-who:has-text('{name}')")
        self.page.wait_for_selector(".ms-examples img")

    def score(self, photo: Path) -> None:
        self.page.set_input_files("#ms-photo input[type=file]", photo)
        self.page.wait_for_selector(".ms-card")

    def save(self) -> None:
        self.page.click("#ms-save")
        self.page.wait_for_selector("#ms-message .ms-done")
        self.page.wait_for_selector("#ms-save", state="hidden")

    def open(self, tab: str) -> None:
        self.page.click(f"[role=tab]:has-text('{tab}')")

    @property
    def sideways(self) -> int:
        """Pixels by which the page is wider than its window."""
        return self.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")


@pytest.fixture
def visit(chromium, demo: str) -> Iterator[Callable[..., Visitor]]:
    """Opens the demo as somebody new; at the end nothing must have been noted."""
    visitors: list[Visitor] = []

    def come(address: str = "", **options) -> Visitor:
        visitors.append(Visitor(chromium, address or demo, **options))
        return visitors[-1]

    yield come
    noted = [word for visitor in visitors for word in visitor.noted]
    for visitor in visitors:
        visitor.context.close()
    assert noted == []
