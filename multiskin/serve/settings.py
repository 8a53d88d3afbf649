"""What a demo is started with."""

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
    """Where a demo is served, for whom, and with what.

    Args:
        model: a run folder or checkpoint; without one the page offers to train the embedded default.
        data: the folder of accounts, history and the secret that signs cookies.
        host: the address it listens on.
        port: likewise; 0 takes any that is free.
        root_path: the path that a proxy serves it under, such as /skin.
        hosts: the names that it may be asked for by, besides this machine's own; without any all names are taken, if
            it listens to other machines.
        members_only: only who has an account may score a photo.
        max_upload: megabytes of one request.
        max_accounts: that there may be; who has one may fill some of the disk.
        training: who may train the embedded default where there is no model: its owner, who sits at this machine and
            reaches it through no proxy, anyone, or nobody.
        device: the network's, by name; auto takes CUDA where there is one.
        detector: where the file that finds faces is now, if the model was trained with one.
        language: of pages, where a browser asks for none that is known.
        advice: a YAML file of advice by attribute and grade.
        clinics: a CSV file of clinics, of which the nearest are shown.

    Raises:
        UserError: a value that cannot be.
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
        if self.max_upload < 1:
            raise UserError(f"--max-upload {self.max_upload}: give 1 megabyte or more")
        if self.max_accounts < 0:
            raise UserError(f"--max-accounts {self.max_accounts}: give 0 or more")
        if self.training not in TRAINERS:
            raise unknown("word", self.training, TRAINERS, "--training")
        if self.language not in LANGUAGES:
            raise unknown("language", self.language, LANGUAGES, "--language")

    @property
    def max_bytes(self) -> int:
        """Of one request."""
        return self.max_upload * MEGABYTE

    @property
    def local(self) -> bool:
        """Whether only this machine can reach it."""
        return is_local(self.host)

    @property
    def owners(self) -> bool:
        """Whether whoever reaches it sits at this machine: no name was given by which a proxy asks for others."""
        return self.local and not self.hosts

    @property
    def served_hosts(self) -> tuple[str, ...]:
        """The names that it may be asked for by; empty for all.

        A page elsewhere can let its own name point to this machine (DNS rebinding), and would then be of our origin.
        """
        return (*LOCAL_NAMES, *self.hosts) if self.local or self.hosts else ()


def is_local(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
