"""Cost of 'trainer.deterministic: true': seconds per training step of the default network, with and without it.

    python benchmarks/determinism.py             # under three minutes; keep the machine idle meanwhile

Both modes alternate in one process, in blocks of steps on the same random photos. The order changes from pair to pair,
so that slow phases of the machine affect both. Reading and augmenting photos is left out; it takes equally long in both
modes, so the relative cost of a whole run is smaller. On a GPU, cuBLAS uses the workspace setting of deterministic runs
in both modes, since a process reads that setting only once.
"""

import argparse
import os
import platform
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
from seeds import RESAMPLES, RESULTS, commit
from torch.nn.utils import clip_grad_norm_

from multiskin.cli.settings import EMBEDDED, fit_config
from multiskin.config import FitConfig, head_recipes
from multiskin.metrics.bootstrap import interval
from multiskin.models.blueprint import Blueprint
from multiskin.run import write_json
from multiskin.schema import MISSING, Schema

BLOCK = 1.0  # seconds, at least: long enough to time precisely, short enough for load to affect both modes alike


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--blocks", type=int, default=30, help="blocks per mode and device; default: 30")
    parser.add_argument("--out", type=Path, default=RESULTS / "determinism.json")
    options = parser.parse_args()
    os.environ["CUBLAS_WORKSPACE_CONFIG"] = ":4096:8"  # as Lightning sets it
    config, schema = fit_config("multiskin fit", "", ["--config", str(EMBEDDED)])
    devices = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]
    load = os.getloadavg()[0]
    measured = [measure(config, schema, torch.device(device), options.blocks) for device in devices]
    for row in measured:
        print("  ".join(f"{key} {value}" for key, value in row.items()))
    write_json(options.out, {"measured": measured} | provenance(config, load))


def measure(config: FitConfig, schema: Schema, device: torch.device, blocks: int) -> dict[str, object]:
    """Medians over blocks, and their ratio with a 95 % interval from resampling pairs of blocks."""
    step = training_step(config, schema, device)
    for deterministic in (True, False):
        seconds(step, 2, deterministic)  # warm-up: allocates memory and loads kernels
    steps = max(round(BLOCK / seconds(step, 2, deterministic=False)), 1)
    pairs = np.empty((blocks, 2))
    for pair in range(blocks):
        for deterministic in (pair % 2 == 0, pair % 2 == 1):
            pairs[pair, int(deterministic)] = seconds(step, steps, deterministic)
    plain, deterministic = np.median(pairs, axis=0)
    return {
        "device": device_name(device),
        "precision": "bf16-mixed" if device.type == "cuda" else "32-true",
        "blocks": blocks,
        "steps_a_block": steps,
        "seconds_a_step": round(plain, 6),
        "seconds_a_step_deterministic": round(deterministic, 6),
        "ratio": [round(value, 4) for value in interval(ratios(pairs))],
    }


def training_step(config: FitConfig, schema: Schema, device: torch.device) -> Callable[[], None]:
    """A function that trains on one batch of the config's size: random photos with two thirds of the grades missing."""
    torch.manual_seed(0)
    counts = tuple((100,) * attribute.grades for attribute in schema)
    recipes = tuple(head_recipes(config, schema.names))
    net = Blueprint(schema, config.model, recipes, counts).build().to(device).train()
    optimizer = torch.optim.AdamW(net.parameters(), config.optimizer.lr)
    batch, size = config.data.batch_size, config.model.input_size
    images = torch.rand(batch, 3, size, size, device=device)
    grades = torch.stack([torch.randint(attribute.grades, (batch,)) for attribute in schema], dim=1)  # (B, H)
    grades = grades.where(torch.rand(grades.shape) < 1 / 3, MISSING).to(device)
    weight = (grades != MISSING).float()

    def step() -> None:
        with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
            loss = net.losses(net(images).logits, grades, weight).mean()
        optimizer.zero_grad()
        loss.backward()
        clip_grad_norm_(net.parameters(), config.trainer.gradient_clip_val or torch.inf)
        optimizer.step()

    return step


def seconds(step: Callable[[], None], steps: int, deterministic: bool) -> float:
    """Seconds per step, averaged over a block of steps."""
    torch.use_deterministic_algorithms(deterministic)
    _synchronise()
    start = time.perf_counter()
    for _ in range(steps):
        step()
    _synchronise()
    return (time.perf_counter() - start) / steps


def _synchronise() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def ratios(pairs: np.ndarray) -> np.ndarray:
    """Ratios (1 + R,) of the median seconds, deterministic to plain: of all pairs (N, 2), then of each resample."""
    draws = np.random.default_rng(0).integers(len(pairs), size=(RESAMPLES, len(pairs)))
    plain, deterministic = np.median(np.concatenate([pairs[None], pairs[draws]]), axis=1).T
    return deterministic / plain


def device_name(device: torch.device) -> str:
    if device.type == "cuda":
        return torch.cuda.get_device_name()
    info = Path("/proc/cpuinfo")
    models = [line.partition(": ")[2] for line in info.read_text().splitlines() if line.startswith("model name")]
    return f"{models[0] if models else platform.machine()}, {torch.get_num_threads()} threads"


def provenance(config: FitConfig, load: float) -> dict[str, object]:
    """What is needed to reproduce the numbers."""
    return {
        "command": "python benchmarks/determinism.py",
        "network": f"{config.model.backbone}, {config.model.input_size} pixels, batches of {config.data.batch_size}",
        "interval": f"95 %, {RESAMPLES} resamples of pairs of blocks, of the ratio of medians",
        "load_before": round(load, 1),
        "versions": {package: version(package) for package in ("torch", "timm")},
        "commit": commit(),
    }


if __name__ == "__main__":
    main()
