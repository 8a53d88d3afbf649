"""The memory that networks take: their weights, and what they work with beside them."""

import json
import os
from collections.abc import Callable
from itertools import accumulate
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from torch import Tensor, nn
from torch.profiler import ProfilerActivity, profile

from multiskin.inference.predictor import Predictor

os.environ.setdefault("KINETO_LOG_LEVEL", "99")  # or torch's profiler tells the terminal when it starts and stops


def weight_bytes(net: nn.Module) -> int:
    """What the tensors of a network take, in memory as in a file that holds nothing else."""
    return sum(tensor.nbytes for tensor in net.state_dict().values())


def working_bytes(predictor: Predictor, images: Tensor) -> int:
    """The most that tensors take at any moment of a prediction, beside the weights and the images (B, 3, S, S).

    Counted by torch's own allocators, on a CPU as on a GPU. What a process takes as a whole hangs on what it did
    before, and on a CPU hundreds of megabytes of libraries would hide the difference between networks.
    """
    on_cuda = predictor.device.type == "cuda"
    return _cuda_bytes(predictor, images) if on_cuda else _cpu_bytes(predictor, images)


def _cuda_bytes(predictor: Predictor, images: Tensor) -> int:
    before = torch.cuda.memory_allocated(predictor.device)
    torch.cuda.reset_peak_memory_stats(predictor.device)
    predictor.predict(images)
    return torch.cuda.max_memory_allocated(predictor.device) - before


def _cpu_bytes(predictor: Predictor, images: Tensor) -> int:
    return allocated_bytes(lambda: predictor.predict(images))


def allocated_bytes(work: Callable[[], object]) -> int:
    """The most that tensors made in some work on the CPU take at any moment of it."""
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiler:
        work()
    with TemporaryDirectory() as folder:
        trace = Path(folder) / "trace.json"
        profiler.export_chrome_trace(str(trace))
        events = json.loads(trace.read_text(encoding="utf-8"))["traceEvents"]
    changes = sorted((event["ts"], event["args"]["Bytes"]) for event in events if event["name"] == "[memory]")
    return max(accumulate(change for _, change in changes))
