"""Connects to Ray: starts a cluster on this machine or joins a running one, without its log output and files."""

import logging
import os
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from tempfile import TemporaryDirectory, gettempdir
from typing import NamedTuple

from multiskin.errors import UserError

INSTALL = "Ray is not installed; pip install 'multiskin[ray]'"
MAX_TEMP_PATH = 24  # characters: Ray's sockets are below the temporary folder, and socket paths have at most 107
CONNECT_TIMEOUT = 10  # seconds
STDERR = 2

# Ray reads these when it is imported, and its processes when they start.
os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
os.environ.setdefault("RAY_DEDUP_LOGS_SKIP_REGEX", "^")  # no messages of other processes here, such as that one died
os.environ.setdefault("RAY_worker_niceness", "0")  # as this command: with Ray's default, 15, other work starves it


class Scorers(NamedTuple):
    """The processes that hold the model.

    Attributes:
        most: how many run at the same time.
        device: the device that each runs the model on.
        gpus: how many GPUs each has for itself: 1, or 0 if scorers run on CPUs and read the photos, too.
    """

    most: int
    device: str
    gpus: int


@dataclass(frozen=True)
class Cluster:
    """The Ray cluster that processes run on.

    Args:
        address: of a running cluster; None to start one on this machine, which ends with the command.
        cpus: the number of CPUs of a cluster on this machine.
        memory: the most bytes that a cluster on this machine uses for decoded photos that wait for a GPU.
    """

    address: str | None
    cpus: int
    memory: int

    @classmethod
    def of(cls, address: str | None, readers: int | None, memory: int) -> "Cluster":
        """A cluster on which this many processes read photos; None: depending on the number of cores."""
        cpus = (os.cpu_count() or 1) if readers is None else readers + 1
        return cls(address, max(cpus, 2), memory)  # with a GPU, one process reads and one scores, even on a single core

    @contextmanager
    def connected(self) -> Iterator[None]:
        """Joins the cluster, or starts it and removes its files in the end.

        Raises:
            UserError: Ray is not installed, or there is no cluster at that address.
        """
        require_ray()
        import ray

        logging.getLogger("ray.data").setLevel(logging.CRITICAL)
        handler = signal.getsignal(signal.SIGTERM)
        with TemporaryDirectory(prefix="ray-", dir=_temp_folder(), ignore_cleanup_errors=True) as folder:
            try:
                self._init(folder)
                signal.signal(signal.SIGTERM, handler)  # Ray's own handler would end the command silently
                yield
            finally:
                ray.shutdown()

    def scorers(self, device: str) -> Scorers:
        """One scorer per GPU, or one per CPU if there is no GPU or the CPU is requested.

        Args:
            device: auto, cpu or cuda.

        Raises:
            UserError: a GPU is requested, but there is none.
        """
        import ray

        resources = ray.cluster_resources()
        gpus = 0 if device == "cpu" else int(resources.get("GPU", 0))
        if gpus:
            return Scorers(gpus, "cuda", 1)
        if device == "cuda":
            raise UserError("--device cuda: the cluster has no GPU; give auto or cpu")
        return Scorers(int(resources["CPU"]), "cpu", 0)

    def _init(self, folder: str) -> None:
        import ray

        try:
            _require_listening(self.address or "")
            with _stderr_silenced():
                ray.init(**self._where(folder), log_to_driver=False, logging_level=logging.CRITICAL)
        except (OSError, RuntimeError, ValueError) as error:
            if self.address is None:
                raise
            reason = " ".join(str(error).split())
            raise UserError(
                f"--address {self.address}: cannot connect to a Ray cluster ({reason}); give the address of a running "
                "one, or leave --address out"
            ) from error

    def _where(self, folder: str) -> dict[str, object]:
        if self.address is not None:
            return {"address": self.address}
        return {
            "address": "local",  # whatever RAY_ADDRESS says
            "num_cpus": self.cpus,
            "object_store_memory": self.memory,
            "include_dashboard": False,
            "_temp_dir": folder,
        }


def require_ray() -> None:
    """Makes sure that Ray is installed.

    Raises:
        UserError: it is not installed.
    """
    try:
        import ray.data  # noqa: F401
    except ImportError as error:
        raise UserError(INSTALL) from error


def _require_listening(address: str) -> None:
    """Makes sure that something listens at HOST:PORT, since Ray would keep trying for minutes."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if port.isdecimal():
        socket.create_connection((host, int(port)), timeout=CONNECT_TIMEOUT).close()


def _temp_folder() -> str:
    folder = gettempdir()
    return folder if len(folder) <= MAX_TEMP_PATH else "/tmp"


@contextmanager
def _stderr_silenced() -> Iterator[None]:
    """Hides what Ray's compiled code prints at the start whatever the log level; errors are still raised."""
    sys.stderr.flush()
    stderr = os.dup(STDERR)
    with open(os.devnull, "w") as nowhere:
        os.dup2(nowhere.fileno(), STDERR)
    try:
        yield
    finally:
        os.dup2(stderr, STDERR)
        os.close(stderr)
