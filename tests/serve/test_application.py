"""The whole demo: Gradio's page behind the guard, the forms, and a real server."""

import json
import os
import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from starlette.routing import BaseRoute, Mount, Route
from starlette.testclient import TestClient

from multiskin.serve.allowlist import find_endpoint
from multiskin.serve.refusals import Refusal

PASSWORD = "a sentence nobody guesses"
Browsers = Callable[[], TestClient]

# ---------------------------------------------------------------------------------------------------- Gradio's own page


@pytest.fixture
def page(open_demo: Callable[..., TestClient], small_page: Any) -> TestClient:
    browser = open_demo(small_page, max_upload=1)
    assert browser.get("/").status_code == 200
    return browser


@pytest.fixture
def others(page: TestClient) -> Browsers:
    """Browsers of other people, who have opened the page, too."""

    def browser() -> TestClient:
        made = TestClient(page.app, page.base_url, follow_redirects=False)
        assert made.get("/").status_code == 200
        return made

    return browser


def upload(browser: TestClient, content: bytes = b"photo", name: str = "me.jpg") -> str:
    (path,) = browser.post("/gradio_api/upload", files={"files": (name, content)}).json()
    return path


def click(browser: TestClient, tab: str, path: str | None = None, words: str = "") -> list[Any]:
    """Presses the page's one button, and returns what its fields show then."""
    file = None if path is None else {"path": path, "meta": {"_type": "gradio.FileData"}}
    call = {"session_hash": tab, "fn_index": 0, "data": [file, words, None]}
    joined = browser.post("/gradio_api/queue/join", json=call)
    assert joined.status_code == 200, joined.text
    events = browser.get("/gradio_api/queue/data", params={"session_hash": tab}).text
    done = next(
        event for event in map(json.loads, re.findall(r"data: (.+)", events)) if event["msg"] == "process_completed"
    )
    assert done["success"], done
    return done["output"]["data"]


def test_handlers_know_who_asks_and_read_what_was_sent(page: TestClient, others: Browsers) -> None:
    first, again = click(page, "tab-1", upload(page, b"12345")), click(page, "tab-2")
    other = click(others(), "tab-3")
    who, size, _ = first[0].split(" ")
    assert size == "5"
    assert again[0].split(" ")[0] == who
    assert other[0].split(" ")[0] != who


def test_a_tabs_state_is_nobody_elses(page: TestClient, others: Browsers) -> None:
    click(page, "tab-1", words="my secret")
    assert click(page, "tab-1")[0].endswith("my secret")
    thief = others()
    call = {"session_hash": "tab-1", "fn_index": 0, "data": [None, "", None]}
    assert thief.post("/gradio_api/queue/join", json=call).status_code == 404
    assert thief.get("/gradio_api/queue/data?session_hash=tab-1").status_code == 404
    assert "my secret" not in click(thief, "tab-2")[0]


def test_an_upload_is_nobody_elses(page: TestClient, others: Browsers) -> None:
    path, thief = upload(page), others()
    assert page.get(f"/gradio_api/file={path}").content == b"photo"
    assert thief.get(f"/gradio_api/file={path}").status_code == 404
    file = {"path": path, "meta": {"_type": "gradio.FileData"}}
    call = {"session_hash": "tab-9", "fn_index": 0, "data": [file, "", None]}
    assert thief.post("/gradio_api/queue/join", json=call).status_code == 404
    assert upload(thief) != path  # though it is the same photo


def test_nothing_of_an_upload_is_left(page: TestClient) -> None:
    folder = page.app.state.services.inbox.folder
    upload(page)
    assert any(folder.iterdir())
    page.app.state.services.close()
    assert not folder.exists()


def test_one_session_does_not_fill_the_disk(page: TestClient) -> None:
    paths = [Path(upload(page)) for _ in range(20)]
    refused = page.post("/gradio_api/upload", files={"files": b"x"})
    assert refused.status_code == 503
    paths[0].unlink()  # as whoever scores a photo does
    paths[0].parent.rmdir()
    upload(page)


def test_nor_with_few_large_files(page: TestClient) -> None:
    for _ in range(5):
        upload(page, b"x" * 999_000)
    assert page.post("/gradio_api/upload", files={"files": b"x" * 10_000}).status_code == 503


def walk(routes: Sequence[BaseRoute]) -> Iterator[Route]:
    """All, those of routers too."""
    for route in routes:
        if isinstance(route, Route):
            yield route
        else:
            yield from walk(getattr(route, "original_router", route).routes)


def test_nothing_of_gradio_is_open_but_what_its_page_needs(page: TestClient) -> None:
    (gradio,) = [route for route in page.app.routes if isinstance(route, Mount)]
    routes = list(walk(gradio.app.routes))
    opened = set()
    for route in routes:
        path = re.sub(r"\{[^}]*\}", "x", route.path)
        for method in route.methods or ():
            try:
                find_endpoint(method, path)
            except Refusal:
                continue
            opened.add(route.path.rstrip("/"))
    assert len(routes) > 60
    assert opened == {
        "",
        "/assets/{path:path}",
        "/favicon.ico",
        "/gradio_api/app_id",
        "/gradio_api/file={path_or_url:path}",
        "/gradio_api/heartbeat/{session_hash}",
        "/gradio_api/queue/data",
        "/gradio_api/queue/join",
        "/gradio_api/theme.css",
        "/gradio_api/upload",
        "/gradio_api/upload_progress",
        "/manifest.json",
        "/robots.txt",
        "/static/{path:path}",
        "/svelte/{path:path}",
        "/theme.css",
    }


@pytest.mark.parametrize("path", ["/static/../routes.py", "/static/%2e%2e/%2e%2e/routes.py", "/assets//etc/passwd"])
def test_static_files_are_those_of_the_page(page: TestClient, path: str) -> None:
    assert page.get(path).status_code in (403, 404)


# ------------------------------------------------------------------------------------------------------------ the forms


@pytest.fixture
def forms(open_demo: Callable[..., TestClient]) -> TestClient:
    return open_demo()


def fill(browser: TestClient, path: str, name: str = "Mina", password: str = PASSWORD, **options: Any) -> Any:
    return browser.post(path, data={"name": name, "password": password}, **options)


def test_people_sign_up_out_and_in(forms: TestClient) -> None:
    for path in ("/sign-up", "/sign-in"):
        signed = fill(forms, path)
        assert (signed.status_code, signed.headers["location"]) == (303, "/")
        assert forms.get("/v1/history").status_code == 200
        thief = dict(forms.cookies)
        assert forms.post("/sign-out").status_code == 303
        assert forms.get("/v1/history").status_code == 401
        assert forms.get("/v1/history", headers={"cookie": "; ".join(map("=".join, thief.items()))}).status_code == 401


NEW = "another long sentence"


def change(browser: TestClient, password: str = PASSWORD, new: str = NEW, **options: Any) -> Any:
    return browser.post("/password", data={"password": password, "new_password": new}, **options)


def test_a_password_is_changed_and_all_other_browsers_are_signed_out(forms: TestClient) -> None:
    fill(forms, "/sign-up")
    elsewhere = TestClient(forms.app, forms.base_url, follow_redirects=False)
    fill(elsewhere, "/sign-in")
    for language, said in (("en", "The current password is wrong"), ("ko", "현재 비밀번호")):
        wrong = change(forms, "a guess, and wrong", params={"language": language})
        assert (wrong.status_code, said in wrong.text) == (401, True)
    assert change(forms, new="short").status_code == 422
    changed = change(forms)
    assert (changed.status_code, changed.headers["location"]) == (303, "/")
    assert (forms.get("/v1/history").status_code, elsewhere.get("/v1/history").status_code) == (200, 401)
    assert fill(elsewhere, "/sign-in").status_code == 401
    assert fill(elsewhere, "/sign-in", password=NEW).status_code == 303


def test_who_is_not_signed_in_has_no_password_to_change(forms: TestClient) -> None:
    for _ in range(2):
        for answer in (forms.get("/password"), change(forms)):
            assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in")
        forms.post("/v1/guest")


def kept_word(form: Any) -> str:
    """By which what was on the screen is taken along; wherever the form leads."""
    (word,) = set(re.findall(r"kept=([\w-]+)", form.text)) or {""}
    assert form.text.count(f"kept={word}") == 4 * bool(word)  # two languages, the other form, and what is sent
    return word


@pytest.fixture
def scored(forms: TestClient) -> TestClient:
    """A guest with a report on the screen."""
    forms.post("/v1/guest")
    put_report(forms)
    return forms


def put_report(browser: TestClient) -> None:
    from multiskin.serve.report import Report

    desks_of(browser).of(session_id(browser), "tab").put([], Report((), (), "model"))


def desks_of(browser: TestClient) -> Any:
    return browser.app.state.services.desks


def session_id(browser: TestClient) -> str:
    cookies = "; ".join(map("=".join, browser.cookies.items()))
    return browser.app.state.services.sessions.find(cookies).id


def report_of(browser: TestClient) -> Any:
    """What a tab shows that is opened now."""
    return desks_of(browser).of(session_id(browser), "new tab").report


@pytest.mark.parametrize("path", ["/sign-up", "/sign-in"])
def test_what_is_on_a_guests_screen_goes_along_through_tries_and_languages(scored: TestClient, path: str) -> None:
    if path == "/sign-in":
        fill(TestClient(scored.app, scored.base_url), "/sign-up")
    form = scored.get(path, params={"tab": "tab"})
    word, guest = kept_word(form), session_id(scored)
    assert "will still be there" in form.text
    desks_of(scored).close(guest, "tab")  # as the page is left
    assert kept_word(scored.get(path, params={"language": "ko", "kept": word})) == word
    assert kept_word(fill(scored, path, password="short", params={"kept": word})) == word
    assert fill(scored, path, params={"kept": word}).status_code == 303
    assert session_id(scored) != guest
    assert report_of(scored) is not None
    assert desks_of(scored).of(guest, "a tab of the guest's").report is None


def test_what_is_on_a_guests_screen_is_no_later_persons(scored: TestClient) -> None:
    assert kept_word(scored.get("/sign-up?tab=tab"))
    desks_of(scored).close(session_id(scored), "tab")
    form = scored.get("/sign-up?tab=tab")  # somebody else at the same browser
    assert kept_word(form) == ""
    assert "will still be there" not in form.text
    fill(scored, "/sign-up")
    assert report_of(scored) is None


def test_what_is_on_a_guests_screen_is_not_whoevers_planted_the_cookie(scored: TestClient) -> None:
    attacker = TestClient(scored.app, scored.base_url, follow_redirects=False)
    attacker.cookies.update(scored.cookies)
    for query in ("", "?tab=", "?tab=guessed", "?kept="):
        assert kept_word(attacker.get(f"/sign-up{query}")) == ""
    fill(attacker, "/sign-up")
    assert report_of(attacker) is None


def test_what_is_on_a_members_screen_stays_with_the_account(scored: TestClient) -> None:
    fill(scored, "/sign-up", "Jun")
    scored.post("/sign-out")
    fill(scored, "/sign-up", "Mina")
    put_report(scored)
    assert kept_word(scored.get("/sign-in")) == ""
    word = re.search(r"kept=([\w-]+)", scored.get("/password").text)[1]
    assert fill(scored, "/sign-in", "Jun", params={"kept": word}).status_code == 303
    assert report_of(scored) is None
    put_report(scored)
    word = re.search(r"kept=([\w-]+)", scored.get("/password").text)[1]
    change(scored, params={"kept": word})
    assert report_of(scored) is not None


def test_what_is_on_a_screen_is_forgotten_with_the_session(scored: TestClient) -> None:
    scored.get("/sign-up?tab=tab")
    scored.post("/sign-out")
    assert len(desks_of(scored)) == 0


def test_what_is_wrong_is_said_in_the_form_and_the_password_is_not_repeated(forms: TestClient) -> None:
    fill(forms, "/sign-up")
    forms.post("/sign-out")
    answer = fill(forms, "/sign-in", '"><script>alert(1)</script>', "<i>wrong password")
    assert answer.status_code == 401
    assert 'role="alert"' in answer.text
    assert "<script" not in answer.text
    assert "wrong password" not in answer.text
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize(
    ("path", "form", "status"),
    [
        ("/sign-up", {"name": "Mina", "password": "short"}, 422),
        ("/sign-up", {"name": "", "password": PASSWORD}, 422),
        ("/sign-up", {}, 422),
        ("/sign-in", {}, 401),
        ("/sign-in", {"name": "Mina"}, 401),
    ],
)
@pytest.mark.parametrize("language", ["en", "ko"])
def test_every_problem_has_its_words(
    forms: TestClient, path: str, form: dict[str, str], status: int, language: str
) -> None:
    answer = forms.post(path, params={"language": language}, data=form)
    assert answer.status_code == status
    assert re.search(r'role="alert">[^<{]+<', answer.text)


def test_every_error_of_accounts_has_words_in_both_languages() -> None:
    from multiskin.serve.accounts import AccountError
    from multiskin.serve.entrance import LANGUAGES, _words

    codes = {kind.code for kind in AccountError.__subclasses__() if hasattr(kind, "code")}
    assert len(codes) >= 6
    words = _words()
    assert set(words) == set(LANGUAGES)
    assert all(codes <= set(each) for each in words.values())
    assert set(words["en"]) == set(words["ko"])


def test_who_guesses_is_told_for_how_long_to_wait(forms: TestClient) -> None:
    answers = [fill(forms, "/sign-in", password=f"guess number {i}") for i in range(11)]
    assert answers[-1].status_code == 429
    assert re.search(r"wait \d+ minutes", answers[-1].text)
    assert int(answers[-1].headers["retry-after"]) > 1


@pytest.mark.parametrize(
    ("headers", "language"),
    [
        ({}, "en"),
        ({"accept-language": "ko-KR,ko;q=0.9,en;q=0.8"}, "ko"),
        ({"accept-language": "de, ko;q=0.5"}, "ko"),
        ({"accept-language": "de"}, "en"),
        ({"accept-language": "en", "cookie": "language=ko"}, "ko"),
        ({"cookie": "language=../../x"}, "en"),
    ],
)
def test_the_form_speaks_its_readers_language(forms: TestClient, headers: dict[str, str], language: str) -> None:
    assert f'<html lang="{language}">' in forms.get("/sign-in", headers=headers).text
    assert '<html lang="ko">' in forms.get("/sign-in?language=ko", headers=headers).text


def test_forms_load_nothing_and_run_nothing(forms: TestClient) -> None:
    fill(forms, "/sign-up")
    for path in ("/sign-in", "/sign-up", "/password"):
        page = forms.get(path)
        assert page.status_code == 200
        assert "<script" not in page.text
        assert not re.search(r"(src|href|action)=\"(https?:)?//", page.text)
        assert "script-src" not in page.headers["content-security-policy"]


def test_forms_lead_back_under_a_proxys_path(open_demo: Callable[..., TestClient]) -> None:
    demo = open_demo(root_path="/skin", members_only=True)
    assert demo.get("/").headers["location"] == "/skin/sign-in"
    page = demo.get("/skin/sign-in").text
    assert 'href="/skin/sign-up' in page
    assert "guest" not in page.lower()
    signed = fill(demo, "/skin/sign-up")
    assert signed.headers["location"] == "/skin/"
    assert "Path=/skin/;" in signed.headers["set-cookie"]
    assert demo.post("/skin/sign-out").headers["location"] == "/skin/sign-in"


def test_a_form_takes_no_files(forms: TestClient) -> None:
    assert forms.post("/sign-in", files={"name": b"x"}).status_code == 400


# -------------------------------------------------------------------------------------------------------- a real server


@pytest.mark.processes
def test_a_real_server_scores(server: Any, jpeg: bytes) -> None:
    body = b'--x\r\nContent-Disposition: form-data; name="photos"; filename="a.jpg"\r\n\r\n' + jpeg + b"\r\n--x--\r\n"
    headers = {"content_type": "multipart/form-data; boundary=x", "cookie": server.guest()}
    status, answered, content = server.ask("POST", "/v1/score", body, **headers)
    assert status == 200
    assert len(json.loads(content)["attributes"]) == 5
    assert "server" not in answered


@pytest.mark.processes
def test_a_real_server_cuts_off_what_never_ends(server: Any) -> None:
    with server.connect() as connection:
        head = f"POST /v1/score HTTP/1.1\r\nHost: localhost\r\nCookie: {server.guest()}\r\n"
        how = "Transfer-Encoding: chunked\r\nContent-Type: multipart/form-data; boundary=x\r\n\r\n"
        connection.sendall(f"{head}{how}".encode())
        piece = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
        sent = 0
        with suppress(OSError):
            while sent < 100_000_000:
                connection.sendall(piece)
                sent += len(piece)
        assert sent < 20_000_000  # of which buffers on the way hold some


@pytest.mark.processes
@pytest.mark.parametrize(
    "head",
    [
        "GET /v1/history HTTP/1.1\r\n",  # no host
        "GET /v1/history HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n",
        "GET /v1/history HTTP/1.1\r\nHost: evil.example\r\n",
        "POST /v1/sign-in HTTP/1.1\r\nHost: localhost\r\nOrigin: http://evil.example\r\nContent-Length: 0\r\n",
        "POST /v1/sign-in HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nContent-Length: 6\r\n",
        "GET /gradio_api/file=/etc/passwd HTTP/1.1\r\nHost: localhost\r\n",
        "GET /static/..%2f..%2froutes.py HTTP/1.1\r\nHost: localhost\r\n",
        "GET http://evil.example/ HTTP/1.1\r\nHost: localhost\r\n",
        "\x16\x03\x01",
    ],
)
def test_a_real_server_refuses_what_no_browser_sends(server: Any, head: str) -> None:
    with server.connect() as connection:
        connection.sendall(f"{head}\r\n".encode("latin-1"))
        assert re.match(rb"HTTP/1.1 4\d\d ", connection.recv(65536))


@pytest.mark.processes
def test_a_real_server_keeps_its_data_to_itself(server: Any) -> None:
    files = [server.data, *server.data.rglob("*")]
    assert {"secret", "demo.db"} <= {path.name for path in files}
    mine = {path.name: path.stat().st_mode & 0o077 for path in files if path.name in ("secret", "demo.db", "data")}
    assert mine == {"secret": 0, "demo.db": 0, "data": 0}


@pytest.mark.slow
def test_so_many_at_once_are_served_or_told_to_come_again(server: Any) -> None:
    """64 callers for a minute: each with its own photo and its own answer, and no more memory at the end."""
    from concurrent.futures import ThreadPoolExecutor
    from io import BytesIO

    import numpy as np
    from PIL import Image

    def photo_of(caller: int) -> bytes:
        noise = np.random.default_rng(caller).integers(-40, 41, (120, 100, 1))
        file = BytesIO()
        Image.fromarray((np.array([200, 150, 130]) + noise).astype(np.uint8)).save(file, "PNG")
        return file.getvalue()

    def score(cookie: str, caller: int, photo: bytes) -> tuple[int, Any]:
        form = f'--x\r\nContent-Disposition: form-data; name="photos"; filename="{caller}.png"\r\n\r\n'.encode()
        headers = {"content_type": "multipart/form-data; boundary=x", "cookie": cookie}
        status, _, content = server.ask("POST", "/v1/score", form + photo + b"\r\n--x--\r\n", **headers)
        return status, json.loads(content)

    def call(caller: int) -> list[int]:
        cookie, photo, first, statuses = server.guest(), photo_of(caller), None, []
        while time.monotonic() < end:
            status, answer = score(cookie, caller, photo)
            statuses.append(status)
            if status == 200:
                first = first or answer
                assert answer["photos"][0]["name"] == f"{caller}.png"
                for now, before in zip(answer["attributes"], first["attributes"], strict=True):
                    assert now["probabilities"] == pytest.approx(before["probabilities"], abs=1e-3)
            else:
                time.sleep(1)
        return statuses

    def memory() -> float:
        pages = int(Path(f"/proc/{server.process.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 1e6

    with ThreadPoolExecutor(64) as pool:
        end = time.monotonic() + 20
        list(pool.map(call, range(64)))  # all that is made once is made
        before = memory()
        end = time.monotonic() + 60
        statuses = [status for each in pool.map(call, range(64)) for status in each]
    assert set(statuses) <= {200, 503}
    assert statuses.count(200) > 64
    assert memory() < 1.2 * before + 50
