"""Whether a request comes from a page of this demo, from no page at all, or from a page of somebody else."""

import re
from urllib.parse import urlsplit

from starlette.datastructures import Headers

from multiskin.serve.refusals import Refusal
from multiskin.serve.settings import is_local

READING = ("GET", "HEAD")
# What proxies say of a request, and of for whom they ask.
OF_PROXIES = (b"forwarded", b"via", b"x-forwarded-", b"x-original-", b"x-real-ip", b"x-rewrite-")
HOST = re.compile(r"[A-Za-z0-9._-]+(:\d+)?|\[[0-9A-Fa-f:.]+\](:\d+)?")


def check_host(headers: Headers, served: tuple[str, ...]) -> None:
    """Takes no request for a name that is not served.

    Args:
        headers: of the request.
        served: names without ports; empty for all.

    Raises:
        Refusal: another name, or none, or several.
    """
    hosts = headers.getlist("host")
    if len(hosts) != 1 or not HOST.fullmatch(hosts[0]):
        raise Refusal(400, "host", "The request does not say in one word which host it asks.")
    if served and _name(hosts[0]) not in served:
        raise Refusal(400, "host", "This demo is not served under this name; start it with --hosts and the name.")


def check_origin(method: str, headers: Headers) -> None:
    """Lets pages of other origins link here, and do nothing else.

    Browsers say where a request comes from, and pages cannot change what they say; whoever is no browser says nothing,
    and has no cookies that were not given to it.

    Raises:
        Refusal: from a page of another origin.
    """
    site = headers.get("sec-fetch-site")
    if site is not None:
        visit = method in READING and headers.get("sec-fetch-mode") == "navigate"
        ours = site in ("same-origin", "none") or (visit and headers.get("sec-fetch-dest") == "document")
    else:  # browsers leave it out where there is no TLS
        origin = headers.get("origin")
        ours = method in READING or origin is None or _place(origin) == headers.get("host", "").lower()
    if not ours:
        raise Refusal(403, "origin", "This came from another site's page; open the demo itself.")


def from_here(client: tuple[str, int] | None, headers: Headers) -> bool:
    """Whether a request comes from this machine itself and by no proxy on it, as far as requests tell.

    Where a proxy says nothing of itself and asks by a local name, browsers still say which name they asked for.
    """
    if client is None or any(name.lower().startswith(OF_PROXIES) for name, _ in headers.raw):
        return False
    asked = [headers.get("host", ""), *map(_place, headers.getlist("origin"))]
    return is_local(client[0]) and all(is_local(_name(name or "")) for name in asked)


def _name(host: str) -> str:
    return re.sub(r":\d+$", "", host).strip("[]").lower()


def _place(origin: str) -> str | None:
    """Host and port of an Origin header, without its scheme: a proxy in front may end TLS."""
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return None
