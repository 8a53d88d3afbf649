"""How this process asks the kernel for memory, and how often it looks for objects that are no longer used."""

import ctypes
import gc
import sys

# Of mallopt(3), glibc's malloc.h
M_TRIM_THRESHOLD, M_MMAP_MAX, M_ARENA_MAX = -1, -4, -8
MOST = 2**31 - 1  # the largest value it takes
NEW_OBJECTS = 20_000  # Python's default is 700


def keep_freed_memory() -> bool:
    """Makes the C library keep freed memory for the next tensor, and returns whether it can.

    A network asks for the same large tensors at every step. glibc gets those beyond 32 MiB, and by default many smaller
    ones, from the kernel each time, which clears every page anew; in batches that took longer than the network itself
    (benchmarks/allocation.py). Threads share one arena, since other arenas have no room for large tensors. Other C
    libraries are left alone.
    """
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:  # musl
        return False
    values = {M_MMAP_MAX: 0, M_TRIM_THRESHOLD: MOST, M_ARENA_MAX: 1}
    return sum(mallopt(option, value) for option, value in values.items()) == len(values)


def collect_rarely() -> None:
    """Makes Python look for cycles of objects only after many new ones.

    What packages create when they are imported stays, and looking through it again and again takes a good part of the
    time to the first score. Tensors are freed without it.
    """
    gc.set_threshold(NEW_OBJECTS, *gc.get_threshold()[1:])
