"""Cost of the explanation maps of all heads relative to the forward pass, and compared with captum.

    python benchmarks/cam.py             # four minutes; keep the machine idle meanwhile

Uses the default backbone at its default input size with five heads, on batches of 1 and of 32 random photos. The
forward pass alone and the forward pass with the maps of all heads alternate in one process; the cost of the maps is the
median over rounds of the difference within a round. The maps are also timed by themselves, given the output of a
forward pass, which is the more reliable number on a busy machine. Captum's five LayerGradCams alternate with ours. Maps
are neither upsampled nor drawn.
"""

import argparse
import os
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
from captum.attr import LayerGradCam
from determinism import device_name
from seeds import RESULTS, commit

from multiskin.config import ModelConfig, Recipe
from multiskin.explain.cam import closed_form, head_maps
from multiskin.explain.scalars import score
from multiskin.heads import Head
from multiskin.metrics.bootstrap import RESAMPLES, interval
from multiskin.models.blueprint import Blueprint
from multiskin.models.skinnet import SkinNet
from multiskin.run import write_json
from multiskin.schema import Attribute, Schema
from multiskin.timing import time_alternately

BACKBONE, SIZE, HEADS, GRADES = "efficientnet_b0", 224, 5, 5
BOUNDS = {1: "at most 1 ms added", 32: "at most 5 % added"}  # by batch size: the target


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=120, help="budget per batch size and device; default: 120")
    parser.add_argument("--out", type=Path, default=RESULTS / "cam.json")
    options = parser.parse_args()
    devices = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]
    load = os.getloadavg()[0]
    measured = [measure(torch.device(device), batch, options.seconds) for device in devices for batch in BOUNDS]
    for row in measured:
        print("  ".join(f"{key} {value}" for key, value in row.items()))
    write_json(options.out, {"measured": measured} | provenance("cam", options.seconds, load))


def measure(device: torch.device, batch: int, budget: float) -> dict[str, object]:
    """Medians over rounds, with 95 % intervals of the time that maps add and of captum's time relative to ours."""
    net = network().to(device)
    images = torch.randn(batch, 3, SIZE, SIZE, device=device)
    with torch.no_grad():
        output = net(images)
    ours = [lambda: net(images), lambda: head_maps(net, images), lambda: closed_form(net, output)]
    rivals = [lambda: head_maps(net, images), lambda: captum_maps(net, images)]
    forward, with_maps, maps = resamples(ours, budget / 2)
    mine, captum = resamples(rivals, budget / 2)
    alone, added = np.median(forward, axis=1), np.median(with_maps - forward, axis=1)  # (1 + RESAMPLES,) each
    return {
        "device": device_name(device),
        "photos": batch,
        "rounds": [forward.shape[1], mine.shape[1]],
        "forward_ms": rounded(alone)[0],
        "added_ms": rounded(added),
        "added_share": rounded(added / alone),
        "maps_alone_ms": rounded(np.median(maps, axis=1)),
        "captum_ms": rounded(np.median(captum, axis=1))[0],
        "captum_ratio": rounded(np.median(captum, axis=1) / np.median(mine, axis=1)),
        "bound": BOUNDS[batch],
    }


def network() -> SkinNet:
    torch.manual_seed(0)
    schema = Schema(tuple(Attribute(f"head_{number}", GRADES) for number in range(HEADS)))
    counts = ((1,) * GRADES,) * HEADS
    return Blueprint(schema, ModelConfig(BACKBONE, input_size=SIZE), (Recipe(),) * HEADS, counts).build().eval()


def captum_maps(net: SkinNet, images: torch.Tensor) -> list[torch.Tensor]:
    """Captum's usual way: for each head, a forward pass and a backward pass to the input of the pooling layer."""

    def explained(images: torch.Tensor, attribute: Attribute, key: str, head: Head) -> torch.Tensor:
        return score(attribute, head, net(images).logits[key])

    grad_cam = LayerGradCam(explained, net.backbone.net.global_pool)
    heads = [(attribute, key, head) for attribute, (key, head) in zip(net.schema, net.named_heads(), strict=True)]
    return [
        grad_cam.attribute(images, additional_forward_args=head, attribute_to_layer_input=True).detach()
        for head in heads
    ]


def resamples(ways: Sequence[Callable[[], object]], budget: float) -> np.ndarray:
    """Milliseconds of T alternating tasks in R rounds, first as measured, then resampled: (T, 1 + RESAMPLES, R)."""
    rounds = 1000 * time_alternately([synchronised(way) for way in ways], budget)  # (R, T)
    draws = np.random.default_rng(0).integers(len(rounds), size=(RESAMPLES, len(rounds)))
    return np.concatenate([rounds[None], rounds[draws]]).transpose(2, 0, 1)


def synchronised(way: Callable[[], object]) -> Callable[[], None]:
    """The task as in serving: without autograd, and synchronised with the GPU before it returns."""

    @torch.no_grad()
    def run() -> None:
        way()
        if torch.cuda.is_available():
            torch.cuda.synchronize()

    return run


def rounded(values: np.ndarray) -> list[float]:
    return [round(value, 4) for value in interval(values)]


def provenance(script: str, seconds: float, load: float) -> dict[str, object]:
    """What is needed to reproduce the numbers."""
    return {
        "command": f"python benchmarks/{script}.py --seconds {seconds:g}",
        "network": f"{BACKBONE}, {SIZE} pixels, {HEADS} heads of {GRADES} grades, random weights, float32",
        "interval": f"95 %, {RESAMPLES} resamples of rounds",
        "load_before": round(load, 1),
        "versions": {package: version(package) for package in ("torch", "timm", "captum")},
        "commit": commit(),
    }


if __name__ == "__main__":
    main()
