"""CPU time saved, and memory used, by keeping freed memory instead of returning it to the operating system.

    python benchmarks/allocation.py

Measures training and scoring with and without `keep_freed_memory` (multiskin/cli/allocator.py), alternating between
the two. Every measurement runs in a new process, since the settings of the C allocator cannot be undone.
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
WORKLOADS = {"a training step, 16 photos": (16, True), "scoring 32 photos": (32, False), "scoring 1 photo": (1, False)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7, help="processes per setting; default: 7")
    parser.add_argument("--one", nargs=2, help=argparse.SUPPRESS)  # a workload, and "keep" or "leave"
    args = parser.parse_args()
    if args.one:
        print(json.dumps(measure(*WORKLOADS[args.one[0]], keep=args.one[1] == "keep")))
        return
    rounds_by_workload = {
        name: [[measure_in_subprocess(name, how) for how in ("keep", "leave")] for _ in range(args.rounds)]
        for name in WORKLOADS
    }
    origin = {"command": f"python benchmarks/allocation.py --rounds {args.rounds}", "machine": machine(threads())}
    content = {
        "network": f"{NETWORK.backbone}, {NETWORK.input_size} px",
        "interval": f"CPU seconds, user and system; medians (ranges) of {args.rounds} rounds",
        "measured": [row(name, np.array(rounds)) for name, rounds in rounds_by_workload.items()],
    }
    write_json(RESULTS / "allocation.json", origin | {"commit": commit()} | content)


def measure_in_subprocess(name: str, how: str) -> tuple[float, float]:
    """CPU seconds per step and peak memory in MiB, measured in a new process."""
    output = subprocess.run([sys.executable, __file__, "--one", name, how], capture_output=True, text=True, check=True)
    return tuple(json.loads(output.stdout))


def measure(photos: int, training: bool, keep: bool) -> tuple[float, float]:
    """CPU seconds per step and peak memory in MiB of this process, after a few steps to warm up."""
    if keep:
        keep_freed_memory()
    torch.manual_seed(0)
    net = create_backbone(NETWORK).to(memory_format=torch.channels_last).train(training)
    size = NETWORK.input_size
    images = torch.randn(photos, 3, size, size).contiguous(memory_format=torch.channels_last)
    steps = max(96 // photos, 6)
    for _ in range(3):
        step(net, images, training)
    before = cpu_seconds()
    for _ in range(steps):
        step(net, images, training)
    seconds = (cpu_seconds() - before) / steps
    return seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def step(net: torch.nn.Module, images: torch.Tensor, training: bool) -> None:
    with torch.set_grad_enabled(training):
        _, features = net(images)
        if training:
            net.zero_grad()
            features.square().mean().backward()


def cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def row(name: str, rounds: np.ndarray) -> dict[str, object]:
    """The results of one workload, from its measurements (R, 2, 2): rounds, keep or leave, seconds and MiB."""
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
