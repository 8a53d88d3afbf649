"""Data loading workers: their number and their initialisation."""

import os
import signal

import cv2


def worker_count(asked: int | None, networks: int = 1) -> int:
    """The number of worker processes per network: the one asked for, else all but two cores, at most 8.

    On a machine with two cores there are none, since workers would slow down the network's threads.

    Args:
        asked: the user's choice; None for the default.
        networks: number of networks that train at the same time, each with its own workers.
    """
    return asked if asked is not None else min(max((os.cpu_count() or 1) // networks - 2, 0), 8)


def one_thread(_: int) -> None:
    """Turns off OpenCV's own threads in a worker, since workers already run in parallel, and makes it ignore Ctrl-C."""
    cv2.setNumThreads(0)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all processes; the main one handles it
