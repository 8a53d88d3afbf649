"""The settings of the demo."""

import re
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

from multiskin.errors import UserError, unknown
from multiskin.schema import LANGUAGES

LOCAL_NAMES = ("localhost", "127.0.0.1", "::1")
TRAINERS = ("owner", "anyone", "nobody")
MEGABYTE = 1_000_000


@dataclass(frozen=True)
class Settings:
    """Where the demo is served, to whom, and with which model.

    Args:
        model: a run folder or checkpoint; without one, the page offers to train the embedded default.
        data: the folder for accounts, history and the secret that signs cookies.
        host: the address to listen on.
        port: the port to listen on; 0 picks a free one.
        root_path: the path that a proxy serves the demo under, such as /skin.
        hosts: host names to accept besides this machine's own; if empty and the demo listens to other machines, every
            name is accepted.
        members_only: whether scoring a photo requires an account.
        max_upload: maximum size of one request, in megabytes.
        max_accounts: maximum number of accounts, since each can fill part of the disk.
        training: who may train the embedded default if there is no model: owner (whoever uses a browser on this
            machine, not through a proxy), anyone or nobody.
        device: the device to run the network on; auto uses CUDA if available.
        detector: where the face detector file is now, if the model was trained with one.
        language: the language of pages if the browser requests none that is available.
        advice: a YAML file of advice by attribute and grade.
        clinics: a CSV file of clinics; the page shows the nearest ones.

    Raises:
        UserError: an invalid value.
    """

    model: Path | None = None
    data: Path = Path("multiskin-demo")
    host: str = "127.0.0.1"
    port: int = 7860
    root_path: str = ""
    hosts: tuple[str, ...] = ()
    members_only: bool = False
    max_upload: int = 20
    max_accounts: int = 1000
    training: str = "owner"
    device: str = "auto"
    detector: str | None = None
    language: str = "en"
    advice: Path | None = None
    clinics: Path | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.port <= 65535:
            raise UserError(f"--port {self.port}: give a port between 0 and 65535")
        if not re.fullmatch(r"(/[A-Za-z0-9._~-]+)*", self.root_path) or {".", ".."} & set(self.root_path.split("/")):
            raise UserError(f"--root-path {self.root_path!r}: give a path such as /skin, without a slash at its end")
        for host in self.hosts:
            if not _is_host_name(host):
                raise UserError(
                    f"--hosts {host!r}: not a host name; give names without scheme, port or path, such as skin.lab, "
                    "and a model before --hosts"
                )
        if self.max_upload < 1:
            raise UserError(f"--max-upload {self.max_upload}: give 1 megabyte or more")
        if self.max_accounts < 0:
            raise UserError(f"--max-accounts {self.max_accounts}: give 0 or more")
        if self.training not in TRAINERS:
            raise unknown("value", self.training, TRAINERS, "--training")
        if self.language not in LANGUAGES:
            raise unknown("language", self.language, LANGUAGES, "--language")

    @property
    def max_bytes(self) -> int:
        """Maximum size of one request."""
        return self.max_upload * MEGABYTE

    @property
    def local(self) -> bool:
        """Whether only this machine can reach the demo."""
        return is_local(self.host)

    @property
    def owners(self) -> bool:
        """Whether all visitors are on this machine: it listens locally, and no host name suggests a proxy in front."""
        return self.local and not self.hosts

    @property
    def served_hosts(self) -> tuple[str, ...]:
        """Host names to accept; empty for all.

        Without this check, a foreign page whose name is made to resolve to this machine (DNS rebinding) would count as
        same-origin.
        """
        names = (host.strip("[]").lower() for host in self.hosts)
        return (*LOCAL_NAMES, *names) if self.local or self.hosts else ()


def _is_host_name(text: str) -> bool:
    try:
        return bool(ip_address(text.strip("[]")))
    except ValueError:
        return re.fullmatch(r"[A-Za-z0-9._-]+", text) is not None


def is_local(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
