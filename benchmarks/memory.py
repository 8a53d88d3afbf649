"""Estimated and measured memory of training steps.

    python benchmarks/memory.py

Each setting runs two steps in a new process, as in training: forward pass, zeroed gradients, backward pass, optimizer
step, with a copy of the weights for averaging. Measures the peak memory that PyTorch allocates for tensors, which is
what is estimated, and, without a GPU, the peak resident memory of the process minus what it had before.
"""

import argparse
import json
import math
import resource
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pandas as pd
import torch
from seeds import RESULTS, commit, machine, threads

from multiskin.compare.memory import allocated_bytes
from multiskin.config import DataConfig, FitConfig, ModelConfig, Recipe
from multiskin.models.backbone import pretrained_backbone
from multiskin.models.blueprint import Blueprint
from multiskin.models.skinnet import SkinNet
from multiskin.run import write_json
from multiskin.schema import Attribute, Schema
from multiskin.training.memory import step_bytes
from multiskin.training.optimizers import create_optimizer

SCHEMA = Schema(tuple(Attribute(f"attribute_{number}", 4) for number in range(6)))
STEPS = [
    ("efficientnet_b0", 224, 8, False),
    ("efficientnet_b0", 224, 16, False),
    ("efficientnet_b0", 224, 16, True),
    ("efficientnet_b1", 240, 8, False),
    ("efficientnet_b1", 240, 8, True),
]
KILOBYTE = 1024  # bytes, the unit in which Linux reports resident memory


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--step", help=argparse.SUPPRESS)  # one of STEPS, run in a new process
    args = parser.parse_args()
    if args.step:
        print(json.dumps(measure(*json.loads(args.step))))
        return
    rows = [_row(step) for step in STEPS]
    table = pd.DataFrame(rows)
    RESULTS.mkdir(exist_ok=True)
    table.to_csv(RESULTS / "memory.csv", index=False, float_format="%.3f")
    write_json(
        RESULTS / "memory.json",
        {
            "command": "python benchmarks/memory.py",
            "machine": machine(threads()),
            "versions": {name: version(name) for name in ("torch", "timm")},
            "commit": commit(),
        },
    )
    print(table.to_string(index=False))


def _row(step: tuple[str, int, int, bool]) -> dict[str, object]:
    command = [sys.executable, str(Path(__file__)), "--step", json.dumps(step)]
    output = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    estimated, allocated, resident = (value / 1e9 for value in json.loads(output))
    network, size, photos, recomputing = step
    return {
        "network": network,
        "input_size": size,
        "batch_size": photos,
        "gradient_checkpointing": recomputing,
        "estimated_gb": estimated,
        "allocated_gb": allocated,
        "resident_gb": resident,
        "error": estimated / allocated - 1,
    }


def measure(network: str, size: int, photos: int, recomputing: bool) -> tuple[float, float, float]:
    """The bytes of a step: estimated, allocated for tensors, and resident in the process, NaN on a GPU."""
    model = ModelConfig(network, "none", size, gradient_checkpointing=recomputing)
    config = FitConfig(model=model, data=DataConfig(batch_size=photos))
    estimated = step_bytes(_net(model).to("meta"), config, "32-true")
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if device.type == "cuda":
        take_steps(_net(model).to(device), config)
        return estimated, torch.cuda.max_memory_allocated(), math.nan
    before = _resident()
    take_steps(_net(model), config)
    resident = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * KILOBYTE - before
    return estimated, allocated_bytes(lambda: take_steps(_net(model), config)), resident


def _net(model: ModelConfig) -> SkinNet:
    recipes = tuple(Recipe() for _ in SCHEMA)
    return Blueprint(SCHEMA, model, recipes, tuple((1,) * each.grades for each in SCHEMA)).build(
        pretrained_backbone(model)
    )


def _resident() -> int:
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    line = next(line for line in status.splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) * KILOBYTE


def take_steps(net: SkinNet, config: FitConfig) -> None:
    """Runs two training steps on noise."""
    device = next(net.parameters()).device
    averaged = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    optimizer = create_optimizer(config.optimizer, [{"params": list(net.parameters())}], fused=False)
    size, photos = config.model.input_size, config.data.batch_size
    for _ in range(2):
        images = torch.randn(photos, 3, size, size, device=device)
        weight = torch.ones(photos, len(SCHEMA), device=device)
        loss = net.losses(net(images).logits, torch.zeros_like(weight, dtype=torch.int64), weight).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert averaged  # kept alive until here


if __name__ == "__main__":
    main()
