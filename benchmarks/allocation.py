"""What it is worth on a CPU to keep freed memory, as multiskin/cli/allocator.py does: processor seconds, and memory.

    python benchmarks/allocation.py

Trains and scores with and without it, in turn, each time in a process of its own, for the C library forgets nothing.
"""

import argparse
import json
import resource
import subprocess
import sys

import numpy as np
import torch
from seeds import RESULTS, commit, machine, threads

from multiskin.cli.allocator import keep_freed_memory
from multiskin.config import ModelConfig
from multiskin.models.backbone import create_backbone
from multiskin.run import write_json

NETWORK = ModelConfig(weights="none")
WORK = {"a training step, 16 photos": (16, True), "scoring 32 photos": (32, False), "scoring 1 photo": (1, False)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7, help="processes of each kind")
    parser.add_argument("--one", nargs=2, help=argparse.SUPPRESS)  # what such a process does, and whether it keeps
    given = parser.parse_args()
    if given.one:
        print(json.dumps(measured(*WORK[given.one[0]], keep=given.one[1] == "keep")))
        return
    found = {name: [[of_process(name, how) for how in ("keep", "leave")] for _ in range(given.rounds)] for name in WORK}
    origin = {"command": f"python benchmarks/allocation.py --rounds {given.rounds}", "machine": machine(threads())}
    content = {
        "network": f"{NETWORK.backbone}, {NETWORK.input_size} px",
        "interval": f"processor seconds, user and system; medians (ranges) of {given.rounds} rounds",
        "measured": [row(name, np.array(rounds)) for name, rounds in found.items()],
    }
    write_json(RESULTS / "allocation.json", origin | {"commit": commit()} | content)


def of_process(name: str, how: str) -> tuple[float, float]:
    """Processor seconds a step, and the most memory in MiB, of one process."""
    told = subprocess.run([sys.executable, __file__, "--one", name, how], capture_output=True, text=True, check=True)
    return tuple(json.loads(told.stdout))


def measured(photos: int, training: bool, keep: bool) -> tuple[float, float]:
    """Does it in this process, a few times for nothing first."""
    if keep:
        keep_freed_memory()
    torch.manual_seed(0)
    net = create_backbone(NETWORK).to(memory_format=torch.channels_last).train(training)
    size = NETWORK.input_size
    images = torch.randn(photos, 3, size, size).contiguous(memory_format=torch.channels_last)
    steps = max(96 // photos, 6)
    for _ in range(3):
        step(net, images, training)
    before = processor_seconds()
    for _ in range(steps):
        step(net, images, training)
    seconds = (processor_seconds() - before) / steps
    return seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def step(net: torch.nn.Module, images: torch.Tensor, training: bool) -> None:
    with torch.set_grad_enabled(training):
        _, features = net(images)
        if training:
            net.zero_grad()
            features.square().mean().backward()


def processor_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def row(name: str, rounds: np.ndarray) -> dict[str, object]:
    """One kind of work from (rounds, 2 ways, seconds and memory)."""
    keep, leave = rounds[:, 0], rounds[:, 1]
    ratio = leave[:, 0] / keep[:, 0]
    return {
        "work": name,
        "seconds_kept": float(np.median(keep[:, 0])),
        "seconds_left": float(np.median(leave[:, 0])),
        "ratio": [float(np.median(ratio)), float(ratio.min()), float(ratio.max())],
        "memory_mib_kept": float(np.median(keep[:, 1])),
        "memory_mib_left": float(np.median(leave[:, 1])),
    }


if __name__ == "__main__":
    main()
