"""The guard alone, around an application that tells what reached it."""

import asyncio
import gc
import json
import logging
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from multiskin.serve import bodies, guard, inbox
from multiskin.serve.cookies import Cookies
from multiskin.serve.guard import Guard
from multiskin.serve.inbox import Inbox
from multiskin.serve.isolation import Isolation
from multiskin.serve.refusals import Refusal
from multiskin.serve.sessions import Session, Sessions, comes_from_here, session_of
from multiskin.serve.settings import Settings

COOKIES = Cookies("k" * 40)
MINA = SimpleNamespace(id=7, name="Mina")
TOKENS = {"token-of-mina": MINA}


class Answered(dict[str, Any]):
    """An answer: its status, its headers, its body, and whether the application was asked at all."""

    def __getattr__(self, name: str) -> Any:
        return self[name]

    @property
    def code(self) -> str:
        return json.loads(self.body)["error"]["code"]


class Demo:
    """A guard around an application that sees `seen`, and answers with what it is told to."""

    def __init__(self, app=None, **settings: Any) -> None:
        self.seen: list[Request] = []
        self.app = app or self._tell
        self.tokens = dict(TOKENS)
        self.sessions = Sessions(COOKIES, SimpleNamespace(account_of=self.tokens.get))
        self.inbox = Inbox(1000)
        self.guard = Guard(self._ask, self.sessions, Isolation(self.inbox), Settings(**settings))

    async def _ask(self, scope, receive, send) -> None:
        self.seen.append(Request(scope, receive))
        await self.app(scope, receive, send)

    @staticmethod
    async def _tell(scope, receive, send) -> None:
        body = await Request(scope, receive).body()
        await JSONResponse({"path": scope["path"], "bytes": len(body)})(scope, receive, send)

    def __call__(self, method: str, path: str, parts=(b"",), query: bytes = b"", **headers: Any) -> Answered:
        return asyncio.run(self.ask(method, path, parts, query, **headers))

    async def ask(
        self, method: str, path: str, parts=(b"",), query: bytes = b"", scheme="http", client=None, **headers
    ) -> Answered:
        headers = {"host": "localhost:7860"} | {name.replace("_", "-"): value for name, value in headers.items()}
        scope = {
            "type": "http",
            "method": method,
            "path": path,
            "root_path": "",
            "query_string": query,
            "scheme": scheme,
            "client": client,
            "headers": [(name.encode(), value.encode("latin-1")) for name, value in headers.items()],
        }
        sent: list[dict[str, Any]] = []
        waiting = [{"type": "http.request", "body": part, "more_body": True} for part in parts]
        waiting[-1]["more_body"] = False

        async def receive():
            if not waiting or waiting[0]["body"] is None:
                await asyncio.sleep(3600)
            return waiting.pop(0)

        async def send(message):
            sent.append(message)

        asked = len(self.seen)
        await self.guard(scope, receive, send)
        pairs = [(name.decode().lower(), value.decode()) for name, value in sent[0]["headers"]]
        return Answered(
            status=sent[0]["status"],
            headers=dict(pairs),
            cookies=[value for name, value in pairs if name == "set-cookie"],
            body=b"".join(message.get("body", b"") for message in sent[1:]),
            asked=len(self.seen) > asked,
            received=len(parts) - len(waiting),
        )

    @property
    def session(self) -> Session:
        return session_of(self.seen[-1])


@pytest.fixture
def demo() -> Demo:
    return Demo()


def cookie_of(ticket: dict[str, str]) -> str:
    return COOKIES.header(ticket, https=False).partition(";")[0]


GUEST = cookie_of({"guest": "g1"})
OTHER = cookie_of({"guest": "g2"})
MEMBER = cookie_of({"token": "token-of-mina"})

# ------------------------------------------------------------------------------------------------------------- who asks


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/v1/score"),
        ("GET", "/v1/schema"),
        ("GET", "/v1/history"),
        ("POST", "/v1/history"),
        ("DELETE", "/v1/history/3"),
        ("GET", "/v1/export"),
        ("DELETE", "/v1/account"),
        ("POST", "/v1/account/password"),
        ("POST", "/gradio_api/upload"),
        ("GET", "/gradio_api/upload_progress"),
        ("GET", "/gradio_api/file=/tmp/photo.jpg"),
        ("POST", "/gradio_api/queue/join"),
        ("GET", "/gradio_api/queue/data"),
        ("GET", "/gradio_api/heartbeat/abc"),
        ("GET", "/gradio_api/app_id"),
    ],
)
@pytest.mark.parametrize(
    "cookie",
    ["", f"{COOKIES.name}=forged", cookie_of({"token": "old"}), cookie_of({"guest": ""}), cookie_of({})],
    ids=["none", "forged", "old token", "no guest", "empty"],  # for what is signed differs from second to second
)
def test_without_a_session_nothing_is_done(demo: Demo, method: str, path: str, cookie: str) -> None:
    answer = demo(method, path, cookie=cookie)
    assert (answer.status, answer.code, answer.asked) == (401, "no_session", False)


def test_whoever_opens_the_page_is_a_guest_and_stays_the_same(demo: Demo) -> None:
    answer = demo("GET", "/")
    first = demo.session
    assert first.account_id is None
    (cookie,) = answer.cookies
    again = demo("GET", "/", cookie=cookie.partition(";")[0])
    assert demo.session == first
    assert again.cookies == []


def test_no_two_guests_are_the_same(demo: Demo) -> None:
    guests = set()
    for _ in range(5):
        demo("GET", "/")
        guests.add(demo.session)
    assert len(guests) == 5


def test_an_account_is_known_until_it_signs_out(demo: Demo) -> None:
    demo("GET", "/v1/history", cookie=MEMBER)
    assert (demo.session.account_id, demo.session.name) == (7, "Mina")
    assert "token-of-mina" not in repr(demo.session)
    demo.tokens.clear()
    assert demo("GET", "/v1/history", cookie=MEMBER).status == 401


def test_for_members_only_there_are_no_guests() -> None:
    demo = Demo(members_only=True)
    for cookie in ("", GUEST):
        page = demo("GET", "/", cookie=cookie)
        assert (page.status, page.headers["location"], page.asked) == (303, "/sign-in", False)
        assert page.cookies == []
        assert demo("POST", "/v1/score", cookie=cookie).status == 401
    assert demo("GET", "/", cookie=MEMBER).status == 200


@pytest.mark.parametrize(("clinics", "allowed"), [(None, "()"), (Path("list.csv"), "(self)")])
def test_the_page_alone_may_ask_where_one_is_and_only_where_there_are_clinics(
    clinics: Path | None, allowed: str
) -> None:
    demo = Demo(clinics=clinics)
    asked = {path: demo("GET", path).headers["permissions-policy"] for path in ("/", "/healthz", "/sign-in")}
    assert f"geolocation={allowed}" in asked.pop("/")
    assert all("geolocation=()" in policy for policy in asked.values())


@pytest.mark.parametrize(
    "path", ["/healthz", "/sign-in", "/sign-up", "/password", "/v1/openapi.json", "/assets/index.js"]
)
def test_what_anybody_may_see_needs_no_session(path: str) -> None:
    assert Demo(members_only=True)("GET", path).asked


def test_session_of_tells_what_did_not_pass() -> None:
    with pytest.raises(LookupError, match="guard"):
        session_of(Request({"type": "http"}))


def test_a_request_cannot_bring_its_session_along(demo: Demo) -> None:
    demo("GET", "/", cookie=GUEST, x_forwarded_user="Mina", x_gradio_user="Mina", forwarded="for=me")
    assert demo.session == Session("g1")
    assert {name for name, _ in demo.seen[-1].headers.items()} == {"host", "cookie"}


HERE = ("127.0.0.1", 50_000)


@pytest.mark.parametrize(
    ("client", "headers", "here"),
    [
        (HERE, {}, True),
        (HERE, {"host": "127.0.0.1:7860", "origin": "http://127.0.0.1:7860"}, True),
        (("::1", 50_000), {"host": "[::1]:7860"}, True),
        (HERE, {"host": "skin.lab"}, False),
        (HERE, {"origin": "https://skin.lab"}, False),  # of a proxy that asks by a local name and says nothing
        (HERE, {"origin": "null"}, False),
        (HERE, {"x_forwarded_for": "127.0.0.1"}, False),
        (HERE, {"X_Forwarded_Host": "localhost"}, False),
        (HERE, {"forwarded": "for=127.0.0.1"}, False),
        (HERE, {"x_real_ip": "127.0.0.1"}, False),
        (HERE, {"via": "1.1 proxy"}, False),
        (("192.0.2.1", 50_000), {}, False),
        (("", 0), {}, False),
        (None, {}, False),
    ],
)
def test_who_sits_at_this_machine_asks_it_by_its_own_name_and_directly(client: Any, headers: Any, here: bool) -> None:
    demo = Demo(host="0.0.0.0")
    headers |= {"sec_fetch_site": "same-origin"}
    assert demo("POST", "/v1/score", cookie=GUEST, client=client, **headers).asked
    assert comes_from_here(demo.seen[-1]) == here


def test_nobody_says_of_oneself_to_sit_here() -> None:
    assert not comes_from_here(Request({"type": "http", "state": {"from_here": "yes"}, "client": HERE}))


def test_web_sockets_are_closed(demo: Demo) -> None:
    sent = []

    async def send(message):
        sent.append(message)

    asyncio.run(demo.guard({"type": "websocket", "path": "/"}, None, send))
    assert sent == [{"type": "websocket.close", "code": 1008}]
    assert not demo.seen


# ------------------------------------------------------------------------------------------------------ from which page


@pytest.mark.parametrize(
    "headers",
    [
        {"sec_fetch_site": "cross-site"},
        {"sec_fetch_site": "same-site"},
        {"sec_fetch_site": "cross-site", "sec_fetch_mode": "navigate", "sec_fetch_dest": "document"},
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": "http://localhost"},
        {"origin": "http://localhost:7861"},
        {"origin": "http://localhost:7860.evil.example"},
        {"origin": "http://[::1"},
        {"origin": ""},
    ],
)
@pytest.mark.parametrize("path", ["/sign-in", "/sign-out", "/v1/score", "/v1/sign-in", "/gradio_api/queue/join"])
def test_pages_of_others_change_nothing(demo: Demo, path: str, headers: dict[str, str]) -> None:
    answer = demo("POST", path, cookie=MEMBER, **headers)
    assert (answer.status, answer.code, answer.asked) == (403, "origin", False)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"sec_fetch_site": "same-origin"},
        {"sec_fetch_site": "none"},
        {"origin": "http://localhost:7860"},
        {"origin": "https://LOCALHOST:7860"},
    ],
)
def test_our_own_pages_and_programs_do(demo: Demo, headers: dict[str, str]) -> None:
    assert demo("POST", "/v1/score", cookie=MEMBER, **headers).asked


def test_others_may_link_here_but_not_embed(demo: Demo) -> None:
    visit = {"sec_fetch_site": "cross-site", "sec_fetch_mode": "navigate"}
    assert demo("GET", "/", **visit, sec_fetch_dest="document").status == 200
    assert demo("GET", "/", **visit, sec_fetch_dest="iframe").status == 403
    assert demo("GET", "/v1/history", cookie=MEMBER, sec_fetch_site="cross-site", sec_fetch_mode="cors").status == 403


@pytest.mark.parametrize("host", ["evil.example", "evil.example:7860", "localhost.evil.example", "127.0.0.1.nip.io"])
def test_names_of_others_for_this_machine_are_not_served(demo: Demo, host: str) -> None:
    assert demo("GET", "/", host=host).code == "host"
    assert not demo.seen


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:1", "127.0.0.1:7860", "[::1]:7860"])
def test_this_machines_own_names_are(demo: Demo, host: str) -> None:
    assert demo("GET", "/", host=host).status == 200


def test_a_proxys_name_is_served_where_it_is_told() -> None:
    assert Demo(hosts=("skin.lab",))("GET", "/", host="skin.lab").status == 200
    assert Demo(host="0.0.0.0")("GET", "/", host="any.lab").status == 200
    assert Demo(host="0.0.0.0", hosts=("skin.lab",))("GET", "/", host="any.lab").status == 400


@pytest.mark.parametrize(("given", "host"), [("Skin.Lab", "skin.lab"), ("[FE80::1]", "[fe80::1]:7860")])
def test_a_proxys_name_is_served_however_it_is_written(given: str, host: str) -> None:
    assert Demo(hosts=(given,))("GET", "/", host=host).status == 200


@pytest.mark.parametrize("host", ["", "a b", "localhost/x", "localhost:7860,evil.example", "local\thost", "[::1", "ü"])
def test_a_host_that_is_none_is_refused(host: str) -> None:
    assert Demo(host="0.0.0.0")("GET", "/", host=host).code == "host"


# ------------------------------------------------------------------------------------------------------------- for what


@pytest.mark.parametrize("method", ["PUT", "PATCH", "OPTIONS", "TRACE", "CONNECT", "get", "X"])
def test_other_methods_are_not_served(demo: Demo, method: str) -> None:
    assert demo(method, "/", cookie=GUEST).status == 405
    assert not demo.seen


@pytest.mark.parametrize(
    "path",
    [
        "/config",
        "/gradio_api/info",
        "/gradio_api/call/predict",
        "/gradio_api/api/predict",
        "/gradio_api/cancel",
        "/gradio_api/component_server",
        "/gradio_api/proxy=https://x.hf.space/",
        "/gradio_api/file/tmp/photo.jpg",
        "/gradio_api/stream/a/b/c/playlist.m3u8",
        "/gradio_api/dev/reload",
        "/gradio_api/startup-events",
        "/gradio_api/vibe-edit",
        "/gradio_api/process_recording",
        "/gradio_api/mcp/sse",
        "/gradio_api/run/predict",
        "/gradio_api/deep_link",
        "/monitoring",
        "/login",
        "/logout",
        "/docs",
        "/openapi.json",
        "//",
        "/v1/history/3/../4",
        "/v1/history/-1",
        "/v1/history/３",
        "/gradio_api/queue/join/x",
        "/healthz\n",
        "/healthz/",
    ],
)
def test_what_the_demo_does_not_need_is_not_there(demo: Demo, path: str) -> None:
    for method in ("GET", "POST", "DELETE"):
        assert demo(method, path, cookie=MEMBER).status == 404
    assert not demo.seen


@pytest.mark.parametrize("path", ["/skin/healthz", "/healthz"])  # the proxy leaves its own part, or takes it off
def test_it_works_under_a_path_of_a_proxys(path: str) -> None:
    demo = Demo(root_path="/skin")
    assert demo("GET", path).status == 200
    assert demo.seen[-1].scope["path"] == "/skin/healthz"
    assert demo.seen[-1].scope["root_path"] == "/skin"
    assert demo("GET", "/skinny/healthz").status == 404
    assert demo("GET", "/skin").headers["location"] == "/skin/"
    assert Demo(root_path="/skin", members_only=True)("GET", "/").headers["location"] == "/skin/sign-in"


# -------------------------------------------------------------------------------------------------------- with how much


def test_an_announced_body_that_is_too_large_is_not_read(demo: Demo) -> None:
    answer = demo("POST", "/v1/score", [b"x"], cookie=GUEST, content_length="20000001")
    assert (answer.status, answer.code, answer.asked, answer.received) == (413, "too_large", False, 0)
    assert answer.headers["connection"] == "close"  # or the server would read it all the same


def test_a_connection_is_kept_unless_something_is_still_to_come(demo: Demo) -> None:
    assert "connection" not in demo("GET", "/").headers
    assert "connection" not in demo("POST", "/sign-in", [b"x"], content_length="1").headers
    assert demo("POST", "/no/such/thing", [b"x"], content_length="1").headers["connection"] == "close"
    assert demo("POST", "/v1/score", [b"x"], transfer_encoding="chunked").headers["connection"] == "close"


@pytest.mark.parametrize("length", ["-1", "1e3", "²", "", "1" * 5000])
def test_nonsense_for_a_length_is_refused(demo: Demo, length: str) -> None:
    assert demo("POST", "/v1/score", cookie=GUEST, content_length=length).status == 413


def test_a_body_is_counted_as_it_comes(demo: Demo) -> None:
    answer = demo("POST", "/sign-in", [b"x" * 1000] * 100, content_length="10")
    assert (answer.status, answer.code) == (413, "too_large")
    assert answer.received == 17


def test_photos_may_be_as_large_as_the_owner_says() -> None:
    demo = Demo(max_upload=1)
    assert demo("POST", "/v1/score", [b"x" * 500_000] * 2, cookie=GUEST).status == 200
    assert demo("POST", "/v1/score", [b"x" * 500_000] * 2 + [b"x"], cookie=GUEST).status == 413
    assert demo("POST", "/v1/sign-in", [b"x" * 500_000], cookie=GUEST).status == 413


async def swallow(scope, receive, send) -> None:
    """As some libraries do with whatever goes wrong with a body."""
    try:
        await Request(scope, receive).body()
    except Exception:
        await Response("fine", 200)(scope, receive, send)


async def break_off(scope, receive, send) -> None:
    try:
        await Request(scope, receive).body()
    except Exception:
        raise RuntimeError("what was that?") from None


@pytest.mark.parametrize("app", [swallow, break_off])
def test_whatever_is_made_of_a_body_that_was_cut_off_the_answer_is_one(app) -> None:
    demo = Demo(app)
    assert demo("POST", "/sign-in", [b"x" * 9000] * 2).code == "too_large"


def test_a_body_that_does_not_come_is_not_waited_for(demo: Demo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "PAUSE", 0.05)
    answer = demo("POST", "/sign-in", [b"x", None])
    assert (answer.status, answer.code) == (408, "slow")


def test_a_body_that_drips_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "PATIENCE", 0.2)

    async def drip(scope, receive, send) -> None:
        while True:
            await receive()
            await asyncio.sleep(0.05)

    assert Demo(drip)("POST", "/sign-in", [b"x"] * 100).code == "slow"


def test_so_many_photos_come_at_once_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "MOST_LARGE", 3)
    go_on = asyncio.Event()

    async def wait(scope, receive, send) -> None:
        await go_on.wait()
        await Response()(scope, receive, send)

    async def ask_all(demo: Demo) -> list[int]:
        asked = [asyncio.create_task(demo.ask("POST", "/v1/score", cookie=GUEST)) for _ in range(5)]
        await asyncio.sleep(0.3)
        small = asyncio.create_task(demo.ask("POST", "/v1/sign-in"))
        go_on.set()
        answers = await asyncio.gather(*asked, small)
        assert all("retry-after" in answer.headers for answer in answers if answer.status == 503)
        return [answer.status for answer in answers]

    demo = Demo(wait)
    assert sorted(asyncio.run(ask_all(demo))) == [200, 200, 200, 200, 503, 503]
    assert demo("POST", "/v1/score", cookie=GUEST).status == 200  # all places are free again


# -------------------------------------------------------------------------------------------- what of Gradio's is whose


def join(demo: Demo, cookie: str, call: Any) -> Answered:
    return demo("POST", "/gradio_api/queue/join", [json.dumps(call).encode()], cookie=cookie)


def test_a_tab_belongs_to_whoever_opened_it(demo: Demo) -> None:
    call = {"session_hash": "abc", "data": []}
    assert join(demo, GUEST, call).status == 200
    assert join(demo, GUEST, call).status == 200
    for cookie in (OTHER, MEMBER):
        assert join(demo, cookie, call).status == 404
        assert demo("GET", "/gradio_api/queue/data", query=b"session_hash=abc", cookie=cookie).status == 404
        assert demo("GET", "/gradio_api/heartbeat/abc", cookie=cookie).status == 404
    assert demo("GET", "/gradio_api/queue/data", query=b"session_hash=abc", cookie=GUEST).status == 200


def test_a_signed_out_tab_is_not_the_next_persons(demo: Demo) -> None:
    assert join(demo, MEMBER, {"session_hash": "abc"}).status == 200
    demo.tokens["new"] = SimpleNamespace(id=8, name="Ben")
    assert join(demo, cookie_of({"token": "new"}), {"session_hash": "abc"}).status == 404


@pytest.mark.parametrize(
    "query", [b"", b"session_hash=", b"session_hash=mine&session_hash=abc", b"session_hash=%00" * 30]
)
def test_a_stream_is_of_one_tab(demo: Demo, query: bytes) -> None:
    assert demo("GET", "/gradio_api/queue/data", query=query, cookie=GUEST).status == 404


@pytest.mark.parametrize(
    "call", [{}, {"session_hash": None}, {"session_hash": ["abc"]}, {"session_hash": ""}, {"session_hash": "a" * 65}]
)
def test_a_call_without_a_tab_is_none(demo: Demo, call: Any) -> None:
    assert join(demo, GUEST, call).status == 404


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'"x"', b"\xff", b"[" * 100_000, b"1" * 10_000])
def test_a_call_that_cannot_be_read_is_refused(demo: Demo, body: bytes) -> None:
    answer = demo("POST", "/gradio_api/queue/join", [body], cookie=GUEST)
    assert (answer.status, answer.code, answer.asked) == (400, "malformed", False)


@pytest.mark.parametrize(
    "path", ["/etc/passwd", "../secret", "", "http://169.254.169.254/", ["/etc/passwd"], 0, {"path": "/etc/passwd"}]
)
@pytest.mark.parametrize("wrap", [lambda file: [file], lambda file: [[{"a": {"b": [file]}}]], lambda file: file])
def test_a_call_names_no_file_but_its_sessions_own(demo: Demo, path: Any, wrap) -> None:
    file = {"path": path, "meta": {"_type": "gradio.FileData"}}
    assert join(demo, GUEST, {"session_hash": "abc", "data": wrap(file)}).status == 404
    assert not demo.seen


def test_gradio_reads_what_was_checked(demo: Demo) -> None:
    """Where a name stands twice, parsers differ in which they take."""
    body = b'{"session_hash": "other", "session_hash": "mine", "data": [1]}'
    received = []

    async def keep(scope, receive, send) -> None:
        received.append(await Request(scope, receive).body())
        await Response()(scope, receive, send)

    demo.app = keep
    demo("POST", "/gradio_api/queue/join", [body], cookie=GUEST, content_length=str(len(body)))
    assert received == [b'{"session_hash": "mine", "data": [1]}']
    assert demo.seen[-1].headers["content-length"] == str(len(received[0]))


async def placed(demo: Demo, session: str) -> Path:
    path = demo.inbox.place(session, "me.jpg", 5)
    path.write_bytes(b"photo")
    return path


def test_a_file_belongs_to_whoever_sent_it(demo: Demo) -> None:
    path = asyncio.run(placed(demo, "g1"))
    file = {"path": str(path)}
    assert demo("GET", f"/gradio_api/file={path}", cookie=GUEST).status == 200
    assert join(demo, GUEST, {"session_hash": "a", "data": [file]}).status == 200
    for cookie in (OTHER, MEMBER):
        assert demo("GET", f"/gradio_api/file={path}", cookie=cookie).status == 404
        assert join(demo, cookie, {"session_hash": "b", "data": [file]}).status == 404


@pytest.mark.parametrize(
    "twist", ["{}/", "{}/.", "/{}", "{}%00", "{folder}/../{folder_name}/photo.jpg", "{folder}", "{}?"]
)
def test_a_path_is_one_that_was_given_out_or_none(demo: Demo, twist: str) -> None:
    path = asyncio.run(placed(demo, "g1"))
    asked = twist.format(path, folder=path.parent, folder_name=path.parent.name)
    assert demo("GET", f"/gradio_api/file={asked}", cookie=GUEST).status == 404


def test_an_inbox_that_is_forgotten_leaves_nothing() -> None:
    demo = Demo()
    path = asyncio.run(placed(demo, "g1"))
    del demo
    gc.collect()
    assert not path.parent.parent.exists()


def test_the_inbox_keeps_few_files_and_none_of_a_strangers_words(demo: Demo) -> None:
    async def fill() -> list[Path]:
        return [
            demo.inbox.place("g1", name, 5)
            for name in ["../../x.PNG", "a.svg", "b.html", "c" * 300 + ".jpg", "d\n.webp"]
        ]

    paths = asyncio.run(fill())
    assert [path.name for path in paths] == ["photo.png", "photo", "photo", "photo.jpg", "photo.webp"]
    assert len({path.parent for path in paths}) == 5
    assert all(path.parent.parent == demo.inbox.folder for path in paths)
    demo.inbox.close()
    assert not demo.inbox.folder.exists()


@pytest.mark.parametrize(("limit", "sizes"), [("MOST_EACH", [1] * 5), ("UPLOADS_EACH", [1000] * 4 + [999, 1])])
def test_the_inbox_takes_so_many_files_and_bytes_of_a_session_and_of_all(
    demo: Demo, monkeypatch: pytest.MonkeyPatch, limit: str, sizes: list[int]
) -> None:
    monkeypatch.setattr(inbox, limit, 5)
    monkeypatch.setattr(inbox, limit.removesuffix("_EACH"), 10)

    async def fill(session: str) -> Path:
        paths = [demo.inbox.place(session, "a.jpg", size) for size in sizes]
        with pytest.raises(Refusal):
            demo.inbox.place(session, "a.jpg", 1)
        return paths[-1]

    async def come() -> None:
        for session in ("g1", "g2"):
            last = await fill(session)
        with pytest.raises(Refusal):  # there is no room for a third one
            demo.inbox.place("g3", "a.jpg", 1)
        last.parent.rmdir()  # as whoever scores it does
        demo.inbox.place("g3", "a.jpg", 1)

    asyncio.run(come())


# ------------------------------------------------------------------------------------------------------- what goes back


async def loose(scope, receive, send) -> None:
    headers = {
        "Access-Control-Allow-Origin": "https://evil.example",
        "Access-Control-Allow-Credentials": "true",
        "Cache-Control": "public, max-age=9999",
        "X-Frame-Options": "ALLOWALL",
    }
    await Response("x", headers=headers)(scope, receive, send)


@pytest.mark.parametrize("path", ["/", "/healthz", "/sign-in", "/v1/history", "/no/such/thing"])
def test_every_answer_keeps_to_itself(path: str) -> None:
    headers = Demo(loose)("GET", path, cookie=MEMBER).headers
    assert not any(name.startswith("access-control") for name in headers)
    assert headers["cache-control"] == "no-store"
    assert headers["x-frame-options"] == "DENY"
    assert headers["x-content-type-options"] == "nosniff"
    assert "default-src 'self'" in headers["content-security-policy"] or path != "/"
    assert "script" not in headers["content-security-policy"] or path == "/"
    assert "http" not in headers["content-security-policy"]  # no other origin


def test_only_what_is_everybodys_is_kept_by_browsers() -> None:
    assert Demo(loose)("GET", "/assets/index.js").headers["cache-control"].startswith("public")


@pytest.mark.parametrize(("scheme", "secure"), [("http", False), ("https", True)])
def test_a_cookie_that_came_by_https_goes_by_https(scheme: str, secure: bool) -> None:
    (cookie,) = Demo()("GET", "/", scheme=scheme).cookies
    assert ("Secure" in cookie) is secure


def test_what_fails_is_noted_here_and_not_told(caplog: pytest.LogCaptureFixture) -> None:
    async def fail(scope, receive, send) -> None:
        raise ValueError("the secret word")

    answer = Demo(fail)("POST", "/v1/score", [b"photo bytes"], b"key=hush", cookie=MEMBER)
    assert (answer.status, answer.code) == (500, "failed")
    assert b"secret word" not in answer.body
    assert "POST /v1/score failed" in caplog.text
    assert "hush" not in caplog.text
    assert "photo bytes" not in caplog.text


def test_the_log_holds_no_secrets_and_no_more_lines_than_requests(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "multiskin.serve")
    demo = Demo()
    demo("GET", "/gradio_api/heartbeat/my-tab", cookie=MEMBER)
    demo("GET", "/gradio_api/file=/tmp/my-photo.jpg", cookie=MEMBER)
    demo("GET", "/gradio_api/queue/data", query=b"session_hash=my-tab", cookie=MEMBER)
    demo("GET", "/x\nmultiskin.serve INFO forged", cookie=MEMBER)
    assert "my-" not in caplog.text
    assert len(caplog.text.splitlines()) == 4
    assert COOKIES.name not in caplog.text
