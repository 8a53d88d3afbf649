"""The command that serves the browser demo."""

import logging
import socket
from argparse import Namespace
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from multiskin.cli.parsers import Parser, int_at_least, summary
from multiskin.cli.terminal import warn
from multiskin.errors import UserError

if TYPE_CHECKING:
    from multiskin.serve.settings import Settings

CALLERS = 256  # connections waiting to be accepted
CONNECTIONS = 1000  # concurrent connections; each open page has two
ENDING = 5  # seconds to finish answers at shutdown


def demo(arguments: list[str]) -> None:
    """Score photos in the browser, with accounts, history and an API."""
    settings = _settings(_options(arguments))
    if not settings.local:
        reason = "other machines can reach the demo; put an HTTPS proxy in front of it to protect passwords and photos"
        warn([f"--host {settings.host}: {reason}"])
    with _listen(settings.host, settings.port) as listener:  # before anything slow
        _serve(settings, listener)


def _options(arguments: list[str]) -> Namespace:
    parser = Parser("multiskin demo", description=summary(demo))
    parser.add_argument(
        "model", nargs="?", help="a run folder or a .ckpt file; without one, the page offers to train a model"
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on; default: this machine only")
    parser.add_argument(
        "--port", type=int_at_least(0), default=7860, help="port to listen on; default: 7860; 0: any free one"
    )
    parser.add_argument(
        "--root-path", default="", metavar="PATH", help="path that a proxy serves the demo under, such as /skin"
    )
    parser.add_argument(
        "--hosts", nargs="+", default=[], metavar="NAME", help="host names to accept from a proxy, such as skin.lab"
    )
    parser.add_argument(
        "--data", default="multiskin-demo", metavar="FOLDER", help="accounts and history; default: multiskin-demo"
    )
    parser.add_argument("--members-only", action="store_true", help="require an account to score a photo")
    parser.add_argument(
        "--max-upload",
        type=int_at_least(1),
        default=20,
        metavar="MB",
        help="maximum size of one request; default: 20 MB",
    )
    parser.add_argument(
        "--max-accounts",
        type=int_at_least(0),
        default=1000,
        metavar="N",
        help="maximum number of accounts; default: 1000",
    )
    parser.add_argument(
        "--training",
        default="owner",
        help="who may train a model on the page if there is none: owner (on this machine, not through a proxy), "
        "anyone or nobody; default: owner",
    )
    parser.add_argument(
        "--language", default="en", help="page language if the browser requests neither: en or ko; default: en"
    )
    parser.add_argument(
        "--advice", metavar="FILE", help="YAML file of what to do about each grade, such as configs/advice/skin5.yaml"
    )
    parser.add_argument(
        "--clinics",
        metavar="FILE",
        help="CSV file of name, latitude, longitude, phone; the page shows the nearest as a list and a map",
    )
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:1, ...; default: auto")
    parser.add_argument("--detector", help="the YuNet .onnx file, for a model trained with one, if it has moved")
    return parser.parse_args(arguments)


def _settings(options: Namespace) -> "Settings":
    from multiskin.serve.settings import Settings

    given = vars(options)
    paths = {name: given[name] and Path(given[name]) for name in ("model", "data", "advice", "clinics")}
    return Settings(**given | paths | {"hosts": tuple(options.hosts)})


def _listen(host: str, port: int) -> socket.socket:
    """Opens the listening socket.

    Raises:
        UserError: the port is in use, or this machine has no such address.
    """
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        return socket.create_server((address[0], port), family=family, backlog=CALLERS)
    except OSError as error:
        reason = error.strerror or error
        raise UserError(
            f"--host {host} --port {port}: {reason}; stop the program that uses it, or give another host or port"
        ) from error


def _serve(settings: "Settings", listener: socket.socket) -> None:
    """Serves until Ctrl-C."""
    import uvicorn

    from multiskin.serve.application import create_application
    from multiskin.serve.server import Server

    config = uvicorn.Config(
        create_application(settings),
        access_log=False,  # the guard logs requests itself, without anything private
        log_level="warning",
        server_header=False,
        limit_concurrency=CONNECTIONS,
        timeout_graceful_shutdown=ENDING,
    )
    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s")
    logging.getLogger("multiskin.serve").setLevel("INFO")
    print(f"multiskin demo: {_address(settings, listener)} (Ctrl-C to stop)", flush=True)
    with suppress(KeyboardInterrupt):  # the normal way to stop
        Server(config).run([listener])


def _address(settings: "Settings", listener: socket.socket) -> str:
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return f"http://{host}:{listener.getsockname()[1]}{settings.root_path}/"
