"""Ray itself: a cluster of this machine's own, or a running one, told to keep quiet and to tidy up."""

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
LONGEST = 24  # characters of the temporary folder's path: Ray's sockets lie below it, whose paths have 107 at most
ANSWER = 10  # seconds
STDERR = 2

# Ray reads these as it is imported, and its processes as they begin.
os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
os.environ.setdefault("RAY_DEDUP_LOGS_SKIP_REGEX", "^")  # of what it would repeat here, such as that a process died
os.environ.setdefault("RAY_worker_niceness", "0")  # the command's own: Ray's default, 15, starves next to other work


class Scorers(NamedTuple):
    """The processes that hold the model.

    Attributes:
        most: how many at the same time.
        device: what each runs the model on.
        gpus: how many each has for itself: 1, or 0 where they read the photos as well.
    """

    most: int
    device: str
    gpus: int


@dataclass(frozen=True)
class Cluster:
    """Where processes run.

    Args:
        address: of a running cluster; none for one on this machine, which ends with the command.
        cpus: how many a cluster on this machine has.
        memory: most bytes of photos, read and not yet scored by a GPU, that a cluster on this machine holds.
    """

    address: str | None
    cpus: int
    memory: int

    @classmethod
    def of(cls, address: str | None, readers: int | None, memory: int) -> "Cluster":
        """The cluster on which this many processes read photos; by the number of cores if None."""
        cpus = (os.cpu_count() or 1) if readers is None else readers + 1
        return cls(address, max(cpus, 2), memory)  # with a GPU one reads and one scores, even on a single core

    @contextmanager
    def connected(self) -> Iterator[None]:
        """Joins the cluster, or starts it and in the end removes all that it wrote.

        Raises:
            UserError: no Ray, or no cluster at that address.
        """
        require_ray()
        import ray

        logging.getLogger("ray.data").setLevel(logging.CRITICAL)
        handler = signal.getsignal(signal.SIGTERM)
        with TemporaryDirectory(prefix="ray-", dir=_place(), ignore_cleanup_errors=True) as folder:
            try:
                self._init(folder)
                signal.signal(signal.SIGTERM, handler)  # Ray's own would end the command silently
                yield
            finally:
                ray.shutdown()

    def scorers(self, device: str) -> Scorers:
        """One for each GPU, or where there is none or the CPU is asked for, as many as there are CPUs.

        Args:
            device: auto, cpu or cuda.

        Raises:
            UserError: no GPU, but one was asked for.
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
            _require_answer(self.address or "")
            with _stderr_closed():
                ray.init(**self._where(folder), log_to_driver=False, logging_level=logging.CRITICAL)
        except (OSError, RuntimeError, ValueError) as error:
            if self.address is None:
                raise
            reason = " ".join(str(error).split())
            raise UserError(f"--address {self.address}: no Ray cluster can be reached there ({reason})") from error

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


def _require_answer(address: str) -> None:
    """Makes sure that something listens at HOST:PORT, since Ray would keep trying for minutes."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if port.isdecimal():
        socket.create_connection((host, int(port)), timeout=ANSWER).close()


def _place() -> str:
    place = gettempdir()
    return place if len(place) <= LONGEST else "/tmp"


@contextmanager
def _stderr_closed() -> Iterator[None]:
    """Hides what compiled code prints as it starts, even when told to keep quiet; errors are still raised."""
    sys.stderr.flush()
    stderr = os.dup(STDERR)
    with open(os.devnull, "w") as nowhere:
        os.dup2(nowhere.fileno(), STDERR)
    try:
        yield
    finally:
        os.dup2(stderr, STDERR)
        os.close(stderr)
