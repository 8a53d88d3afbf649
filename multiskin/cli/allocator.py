"""Process-wide settings of the C library's memory allocator and of Python's garbage collector."""

import ctypes
import gc
import sys

# Parameters of mallopt(3), from glibc's malloc.h
M_TRIM_THRESHOLD, M_MMAP_MAX, M_ARENA_MAX = -1, -4, -8
MAX_INT = 2**31 - 1  # the largest value that mallopt takes
GC_THRESHOLD = 20_000  # new objects before a collection; Python's default is 700


def keep_freed_memory() -> bool:
    """Makes the C library keep freed memory for the next tensor, and returns whether it could.

    A network allocates the same large tensors at every step. By default, glibc gets those beyond 32 MiB, and many
    smaller ones, from the kernel each time, which zeroes every page again; for batches, that took longer than the
    network itself (benchmarks/allocation.py). All threads share one arena, since other arenas have no room for large
    tensors. Nothing is done on other systems or with other C libraries.
    """
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:  # musl
        return False
    values = {M_MMAP_MAX: 0, M_TRIM_THRESHOLD: MAX_INT, M_ARENA_MAX: 1}
    return sum(mallopt(option, value) for option, value in values.items()) == len(values)


def collect_rarely() -> None:
    """Makes Python's cyclic garbage collector run less often.

    Objects that packages create on import live until the end, and traversing them repeatedly takes a considerable part
    of the time to the first score. Tensors are freed by reference counting.
    """
    gc.set_threshold(GC_THRESHOLD, *gc.get_threshold()[1:])
