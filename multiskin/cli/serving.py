"""The command that serves the demo in the browser."""

import logging
import socket
from argparse import Namespace
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from multiskin.cli.parsers import Parser, summary, whole
from multiskin.cli.terminal import warn
from multiskin.errors import UserError

if TYPE_CHECKING:
    from multiskin.serve.settings import Settings

CALLERS = 256  # whose connection waits to be taken
CONNECTIONS = 1000  # at once; each open page has two
ENDING = 5  # seconds that answers have to be finished in when the demo ends


def demo(arguments: list[str]) -> None:
    """Score photos in the browser, with accounts, history and an API."""
    settings = _settings(_options(arguments))
    if not settings.local:
        reason = "other machines can reach it; put a proxy with https before it, since passwords and photos pass"
        warn([f"--host {settings.host}: {reason}"])
    with _listen(settings.host, settings.port) as listener:  # before anything that takes long
        _serve(settings, listener)


def _options(arguments: list[str]) -> Namespace:
    parser = Parser("multiskin demo", description=summary(demo))
    parser.add_argument("model", nargs="?", help="a run folder or a .ckpt file; without one the page offers to train")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on; default: this machine alone")
    parser.add_argument("--port", type=whole(0), default=7860, help="default: 7860; 0 takes any that is free")
    parser.add_argument("--root-path", default="", metavar="PATH", help="where a proxy serves it, such as /skin")
    parser.add_argument(
        "--hosts", nargs="+", default=[], metavar="NAME", help="names that a proxy asks for it by, such as skin.lab"
    )
    parser.add_argument(
        "--data", default="multiskin-demo", metavar="FOLDER", help="accounts and history; default: multiskin-demo"
    )
    parser.add_argument("--members-only", action="store_true", help="nobody scores a photo without an account")
    parser.add_argument(
        "--max-upload", type=whole(1), default=20, metavar="MB", help="size of one request; default: 20 megabytes"
    )
    parser.add_argument(
        "--max-accounts", type=whole(0), default=1000, metavar="N", help="number of accounts; default: 1000"
    )
    parser.add_argument(
        "--training",
        default="owner",
        help="who may train a model on the page if there is none: owner (on this machine, not through a proxy), "
        "anyone or nobody; default: owner",
    )
    parser.add_argument("--language", default="en", help="of pages where a browser asks for no language: en or ko")
    parser.add_argument(
        "--advice", metavar="FILE", help="YAML: what to do about each grade, such as configs/advice/skin5.yaml"
    )
    parser.add_argument(
        "--clinics", metavar="FILE", help="CSV: name, latitude, longitude, phone; shows the nearest, as list and map"
    )
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:1, ...; default: auto")
    parser.add_argument("--detector", help="where the YuNet .onnx file is now, for a model that was trained with one")
    return parser.parse_args(arguments)


def _settings(options: Namespace) -> "Settings":
    from multiskin.serve.settings import Settings

    given = vars(options)
    paths = {name: given[name] and Path(given[name]) for name in ("model", "data", "advice", "clinics")}
    return Settings(**given | paths | {"hosts": tuple(options.hosts)})


def _listen(host: str, port: int) -> socket.socket:
    """The socket that callers connect to.

    Raises:
        UserError: another program has the port, or this machine has no such address.
    """
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        return socket.create_server((address[0], port), family=family, backlog=CALLERS)
    except OSError as error:
        reason = error.strerror or error
        raise UserError(f"--host {host} --port {port}: {reason}; stop what uses it, or give another port") from error


def _serve(settings: "Settings", listener: socket.socket) -> None:
    """Until Ctrl-C."""
    import uvicorn

    from multiskin.serve.application import create_application

    config = uvicorn.Config(
        create_application(settings),
        access_log=False,  # the guard writes its own, without anything private
        log_level="warning",
        server_header=False,
        limit_concurrency=CONNECTIONS,
        timeout_graceful_shutdown=ENDING,
    )
    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s")
    logging.getLogger("multiskin.serve").setLevel("INFO")
    print(f"multiskin demo: {_address(settings, listener)} (Ctrl-C ends it)", flush=True)
    with suppress(KeyboardInterrupt):  # the normal way to end it
        uvicorn.Server(config).run([listener])


def _address(settings: "Settings", listener: socket.socket) -> str:
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return f"http://{host}:{listener.getsockname()[1]}{settings.root_path}/"
