"""A real browser that notes whatever it should not see."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

playwright = pytest.importorskip("playwright.sync_api")

WAIT = 60  # seconds at most, on a machine that has other things to do


@pytest.fixture(scope="module")
def chromium():
    path = shutil.which("chromium") or shutil.which("google-chrome")
    if path is None:
        pytest.skip("no Chromium here")
    with playwright.sync_playwright() as library:
        browser = library.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def without_a_model(serve):
    return serve(root="/skin")


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

    @contextmanager
    def leaving(self) -> Iterator[None]:
        """Until the next page is there: what Gradio is still being told when one leaves, it calls an error."""
        before = len(self.noted)
        yield
        said = self.noted[before:]
        self.noted[before:] = [word for word in said if "AbortError" not in word and "errored out" not in word]

    def leave(self, to: str) -> None:
        """For a form."""
        with self.leaving():
            self.page.click(f".ms-nav a[href^='{to}']")
            self.page.wait_for_selector("#name")

    def sign_up(self, name: str, password: str) -> None:
        self.leave("sign-up")
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
        self.page.wait_for_selector("#ms-save-message .ms-done")
        self.page.wait_for_selector("#ms-save", state="hidden")

    def open(self, tab: str) -> None:
        self.page.click(f"[role=tab]:has-text('{tab}')")

    @property
    def sideways(self) -> int:
        """Pixels by which the page is wider than its window."""
        return self.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")


@pytest.fixture
def visit(chromium, server) -> Iterator[Callable[..., Visitor]]:
    """Opens the demo as somebody new; at the end nothing must have been noted."""
    visitors: list[Visitor] = []

    def come(address: str = "", **options) -> Visitor:
        visitors.append(Visitor(chromium, address or server.address, **options))
        return visitors[-1]

    yield come
    noted = [word for visitor in visitors for word in visitor.noted]
    for visitor in visitors:
        visitor.context.close()
    assert noted == []
