"""Inference time compared with plain timm models, by number of heads and photos, and memory use over many files.

    python benchmarks/inference.py             # twelve minutes; keep the machine idle meanwhile

All variants compute probabilities from decoded photos and alternate in one process. The cost of a head is the slope of
the median times over 1 to 16 heads, that of a photo the slope over 1 to 32 photos. For the memory, thousands of files
are scored as in `multiskin predict`, and the slope of the resident memory is compared with its distribution by chance:
the slopes of the same values in random order.
"""

import argparse
import os
import tempfile
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path

import numpy as np
import timm
import torch
from determinism import device_name
from seeds import RESULTS, commit
from torch import Tensor, nn

from multiskin.cli.allocator import keep_freed_memory
from multiskin.config import ModelConfig, Recipe, RenderConfig
from multiskin.data.render.folder import render_into
from multiskin.data.transforms import Preprocessing
from multiskin.inference.predictor import Predictor
from multiskin.metrics.bootstrap import RESAMPLES
from multiskin.models.blueprint import Blueprint
from multiskin.models.skinnet import SkinNet
from multiskin.run import write_json
from multiskin.schema import Attribute, Schema
from multiskin.timing import ratio_of_sides, time_alternately

BACKBONE, SIZE, GRADES = "efficientnet_b0", 224, 5
HEADS, MOST_HEADS = 5, 16
BATCHES = (1, 32)
PHOTOS = (1, 2, 4, 8, 16, 32)
FILES, EVERY, WARM_UP = 5000, 50, 1000  # files to score, between two readings of the memory, and before the first


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60, help="time budget per measurement; default: 60")
    parser.add_argument("--files", type=int, default=FILES, help=f"files to score for the memory; default: {FILES}")
    parser.add_argument("--out", type=Path, default=RESULTS / "inference.json")
    args = parser.parse_args()
    keep_freed_memory()
    load = os.getloadavg()[0]
    devices = [torch.device("cpu"), *([torch.device("cuda")] if torch.cuda.is_available() else [])]
    measured = {
        "rivals": [compare_with_timm(device, batch, args.seconds) for device in devices for batch in BATCHES],
        "heads": [cost_per_head(device, batch, args.seconds) for device in devices for batch in BATCHES],
        "photos": [cost_per_photo(device, args.seconds) for device in devices],
        "memory": memory_growth(devices[-1], args.files),
    }
    write_json(args.out, provenance(args, load) | measured)
    for rows in measured.values():
        print(rows)


def compare_with_timm(device: torch.device, batch: int, budget: float) -> dict[str, object]:
    """One network with all heads compared with a timm model with one head, and with one timm model per head."""
    images = random_photos(batch, device)
    ours, theirs = network(HEADS).to(device), [timm_model().to(device) for _ in range(HEADS)]
    with_five = time_alternately([task(ours, images), *(task(each, images) for each in theirs)], budget / 2)
    with_one = time_alternately([task(ours, images), task(theirs[0], images)], budget / 2)
    return {
        "device": device_name(device),
        "photos": batch,
        "ms": round(1000 * float(np.median(with_one[:, 0])), 2),
        "timm_over_ours": [round(each, 4) for each in ratio_of_sides(with_one)],
        "five_models_over_ours": [round(each, 4) for each in ratio_of_sides(with_five)],
    }


def cost_per_head(device: torch.device, batch: int, budget: float) -> dict[str, object]:
    """The time of each further head, as a share of that of a network with one head."""
    images, numbers = random_photos(batch, device), (1, HEADS, MOST_HEADS)
    seconds = time_alternately([task(network(heads).to(device), images) for heads in numbers], budget)
    medians = np.median(seconds, axis=0)
    slope = np.polyfit(numbers, medians, 1)[0]
    return {
        "device": device_name(device),
        "photos": batch,
        "ms": dict(zip(map(str, numbers), (1000 * medians).round(3).tolist(), strict=True)),
        "share_a_head": round(float(slope / medians[0]), 5),
    }


def cost_per_photo(device: torch.device, budget: float) -> dict[str, object]:
    """Milliseconds per batch by number of photos, with a linear fit and its correlation."""
    net = network(HEADS).to(device)
    seconds = time_alternately([task(net, random_photos(batch, device)) for batch in PHOTOS], budget)
    medians = 1000 * np.median(seconds, axis=0)
    slope, start = np.polyfit(PHOTOS, medians, 1)
    return {
        "device": device_name(device),
        "ms": dict(zip(map(str, PHOTOS), medians.round(2).tolist(), strict=True)),
        "ms_a_photo": round(float(slope), 3),
        "ms_a_batch": round(float(start), 3),
        "correlation": round(float(np.corrcoef(PHOTOS, medians)[0, 1]), 5),
    }


def memory_growth(device: torch.device, files: int) -> dict[str, object]:
    """The slope of resident memory over scored files in MiB per thousand, with the 95 % range of slopes by chance."""
    net = network(HEADS)
    predictor = Predictor(net.to(device), Preprocessing(SIZE, net.backbone.mean, net.backbone.std), device)
    held = []
    with tempfile.TemporaryDirectory() as folder:
        names = rendered_photos(Path(folder))
        every = [names[number % len(names)] for number in range(files)]
        for scored, result in enumerate(predictor.predict_files(every), start=1):
            if result.error:
                raise RuntimeError(result.error)
            if scored % EVERY == 0 and scored >= min(WARM_UP, files // 5):
                held.append((scored / 1000, resident_mib()))
    thousands, mib = np.array(held).T
    return {
        "device": device_name(device),
        "files": files,
        "mib": [round(float(each)) for each in (mib.min(), mib.max())],
        "slope_mib_a_thousand": round(float(np.polyfit(thousands, mib, 1)[0]), 3),
        "chance": [round(each, 3) for each in chance_slopes(thousands, mib)],
    }


def chance_slopes(thousands: np.ndarray, mib: np.ndarray) -> tuple[float, float]:
    """The 2.5 % and 97.5 % quantiles of the slope over random permutations of the values."""
    random = np.random.default_rng(0)
    slopes = [np.polyfit(thousands, random.permutation(mib), 1)[0] for _ in range(RESAMPLES)]
    low, high = np.quantile(slopes, (0.025, 0.975))
    return float(low), float(high)


def resident_mib(process: int | str = "self") -> float:
    """Resident memory of a process in MiB."""
    pages = int(Path(f"/proc/{process}/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


# The tasks that alternate


def network(heads: int) -> SkinNet:
    torch.manual_seed(0)
    schema = Schema(tuple(Attribute(f"head_{number}", GRADES) for number in range(heads)))
    counts = ((1,) * GRADES,) * heads
    return Blueprint(schema, ModelConfig(BACKBONE, input_size=SIZE), (Recipe(),) * heads, counts).build().eval()


def timm_model() -> nn.Module:
    """The plain timm model, in the same memory format as ours."""
    net = timm.create_model(BACKBONE, pretrained=False, num_classes=GRADES)
    return net.eval().to(memory_format=torch.channels_last)


def random_photos(batch: int, device: torch.device) -> Tensor:
    return torch.randn(batch, 3, SIZE, SIZE, device=device).contiguous(memory_format=torch.channels_last)


def task(net: nn.Module, images: Tensor) -> Callable[[], None]:
    """A forward pass to probabilities, synchronised with the GPU before it returns."""
    to_probabilities = net.probabilities if isinstance(net, SkinNet) else None

    @torch.inference_mode()
    def run() -> None:
        _ = net(images).softmax(dim=1) if to_probabilities is None else to_probabilities(net(images).logits)
        if images.is_cuda:
            torch.cuda.synchronize()

    return run


def rendered_photos(folder: Path) -> Sequence[Path]:
    """JPEG files of ten rendered persons."""
    render_into(folder, RenderConfig(persons=[8, 1, 1], size=SIZE))
    return sorted((folder / "images").iterdir())


def provenance(args: argparse.Namespace, load: float) -> dict[str, object]:
    return {
        "command": f"python benchmarks/inference.py --seconds {args.seconds:g} --files {args.files}",
        "network": f"{BACKBONE}, {SIZE} pixels, {HEADS} heads of {GRADES} grades, random weights, float32",
        "interval": f"95 %, {RESAMPLES} resamples of rounds",
        "load_before": round(load, 1),
        "versions": {package: version(package) for package in ("torch", "timm")},
        "commit": commit(),
    }


if __name__ == "__main__":
    main()
