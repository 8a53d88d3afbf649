"""The processes that read photos: how many, and how each begins."""

import os
import signal

import cv2


def worker_count(asked: int | None, networks: int = 1) -> int:
    """How many processes read photos for one network: what is asked, else what leaves two cores to it, 8 at most.

    On two cores that is none: the network's threads wait for each other, and every disturbance costs them all.

    Args:
        asked: by the user, if at all.
        networks: how many are trained at the same time, each with workers of its own.
    """
    return asked if asked is not None else min(max((os.cpu_count() or 1) // networks - 2, 0), 8)


def one_thread(_: int) -> None:
    """Workers are the parallelism; OpenCV's own threads in each of them would only get in the way."""
    cv2.setNumThreads(0)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all; the first process says what there is to say
