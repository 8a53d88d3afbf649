"""A small untrained model, and the whole demo on it: behind its guard, with a page of Gradio's that has few fields."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from io import BytesIO
from itertools import count
from pathlib import Path

import numpy as np
import pytest
import torch
from argon2 import PasswordHasher
from fastapi import FastAPI
from PIL import Image
from starlette.testclient import TestClient

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


@pytest.fixture(scope="session")
def served_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint with heads for GRADED."""
    torch.manual_seed(0)
    torch.set_num_threads(1)
    model = ModelConfig("test_efficientnet", weights="none", input_size=SIZE)
    counts = tuple((1,) * attribute.grades for attribute in GRADED)
    blueprint = Blueprint(GRADED, model, (Recipe(),) * len(counts), counts, PARTS)
    preprocessing = Preprocessing(SIZE, (0.5, 0.5, 0.5), (0.2, 0.2, 0.2))
    module = SkinModule(blueprint.build(), blueprint, preprocessing, OptimizerConfig())
    content = {"state_dict": module.state_dict()}
    module.on_save_checkpoint(content)
    path = tmp_path_factory.mktemp("served") / "best.ckpt"
    torch.save(content, path)
    return path


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
