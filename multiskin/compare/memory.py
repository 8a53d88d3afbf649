"""The memory that networks need: for their weights, and for intermediate tensors during prediction."""

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

os.environ.setdefault("KINETO_LOG_LEVEL", "99")  # keeps torch's profiler from printing when it starts and stops


def weight_bytes(net: nn.Module) -> int:
    """The size of a network's tensors, in memory or in a file that holds nothing else."""
    return sum(tensor.nbytes for tensor in net.state_dict().values())


def working_bytes(predictor: Predictor, images: Tensor) -> int:
    """The peak memory of the tensors made during a prediction, on top of the weights and the images (B, 3, S, S).

    Counted by torch's allocators, on CPU and GPU alike. The memory of the whole process would depend on what it did
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
    """The peak memory of the tensors that some work allocates on the CPU."""
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiler:
        work()
    with TemporaryDirectory() as folder:
        trace = Path(folder) / "trace.json"
        profiler.export_chrome_trace(str(trace))
        events = json.loads(trace.read_text(encoding="utf-8"))["traceEvents"]
    changes = sorted((event["ts"], event["args"]["Bytes"]) for event in events if event["name"] == "[memory]")
    return max(accumulate(change for _, change in changes))
