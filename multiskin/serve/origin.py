"""Checks where a request comes from: a page of this demo, a client that is no browser, or another site's page."""

import re
from urllib.parse import urlsplit

from starlette.datastructures import Headers

from multiskin.serve.refusals import Refusal
from multiskin.serve.settings import is_local

READING = ("GET", "HEAD")
# Headers by which proxies describe the original request and its client.
OF_PROXIES = (b"forwarded", b"via", b"x-forwarded-", b"x-original-", b"x-real-ip", b"x-rewrite-")
HOST = re.compile(r"[A-Za-z0-9._-]+(:\d+)?|\[[0-9A-Fa-f:.]+\](:\d+)?")


def check_host(headers: Headers, served: tuple[str, ...]) -> None:
    """Refuses requests for host names that are not served.

    Args:
        headers: the request's headers.
        served: accepted names without ports; empty for all.

    Raises:
        Refusal: the Host header is missing, malformed or repeated, or names another host.
    """
    hosts = headers.getlist("host")
    if len(hosts) != 1 or not HOST.fullmatch(hosts[0]):
        raise Refusal(400, "host", "The Host header is missing, malformed or repeated.")
    if served and _name(hosts[0]) not in served:
        raise Refusal(400, "host", "This demo is not served under this host name; start it with --hosts and the name.")


def check_origin(method: str, headers: Headers) -> None:
    """Lets pages of other origins link here, but nothing else (CSRF protection).

    Pages cannot forge the headers by which browsers report where a request comes from. Other clients do not send them,
    but neither do they have cookies of which their user is unaware.

    Raises:
        Refusal: the request comes from a page of another origin.
    """
    site = headers.get("sec-fetch-site")
    if site is not None:
        visit = method in READING and headers.get("sec-fetch-mode") == "navigate"
        ours = site in ("same-origin", "none") or (visit and headers.get("sec-fetch-dest") == "document")
    else:  # browsers send it to trustworthy origins only: https, or localhost
        origin = headers.get("origin")
        ours = method in READING or origin is None or _netloc(origin) == headers.get("host", "").lower()
    if not ours:
        raise Refusal(403, "origin", "This request comes from another site's page; open the demo itself.")


def from_here(client: tuple[str, int] | None, headers: Headers) -> bool:
    """Whether a request comes from this machine and not through a proxy on it, as far as its headers tell.

    Even if a proxy adds no headers and forwards to a local name, the browser's Origin header still has the public name.
    """
    if client is None or any(name.lower().startswith(OF_PROXIES) for name, _ in headers.raw):
        return False
    asked = [headers.get("host", ""), *map(_netloc, headers.getlist("origin"))]
    return is_local(client[0]) and all(is_local(_name(name or "")) for name in asked)


def _name(host: str) -> str:
    return re.sub(r":\d+$", "", host).strip("[]").lower()


def _netloc(origin: str) -> str | None:
    """Host and port of an Origin header, without its scheme, since a proxy in front may terminate TLS."""
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return None
