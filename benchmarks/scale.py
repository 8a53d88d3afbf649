"""Expected throughput of larger machines, computed from our measurements and published benchmarks.

    python benchmarks/scale.py

Reads train_jpeg.json, inference.json, data.json and collection.json from the results. GPU speeds are those published by
timm and NVIDIA for the same network and input size. That a run reaches them, and the cost of exchanging gradients
between nodes, is computed and not measured.
"""

import json
from typing import Any

from seeds import RESULTS, commit

from multiskin.run import write_json

TIMM = "https://github.com/huggingface/pytorch-image-models/tree/main/results"
NVIDIA = "https://github.com/NVIDIA/DeepLearningExamples/tree/master/PyTorch/Classification/ConvNets/efficientnet"
SOURCES = ("train_jpeg", "inference", "data", "collection")
PUBLISHED: list[dict[str, Any]] = [  # efficientnet_b0, 224 pixels, mixed precision; photos per second
    {"machine": "RTX 3090", "trains": 1751.72, "scores": 8241.40, "source": TIMM},
    {"machine": "RTX 4090", "trains": None, "scores": 9831.68, "source": TIMM},
    {"machine": "A100", "trains": 2489, "scores": 10239, "source": NVIDIA},
    {"machine": "a node of 8 A100", "trains": 16652, "scores": None, "source": NVIDIA},
]
WEIGHTS = 4_039_573  # parameters of efficientnet_b0 with five heads of five grades; gradients have 4 bytes each
BATCH = 256  # photos per GPU and step
NETWORK = 12.5e9  # bytes per second between nodes, 100 Gbit/s
NODES = (2, 4, 16)


def main() -> None:
    measured = {name: json.loads((RESULTS / f"{name}.json").read_text()) for name in SOURCES}
    reading = reading_rates(measured["data"])
    published = [row | cores_needed(row, reading) for row in PUBLISHED]
    node = published[-1]
    content = {
        "command": "python benchmarks/scale.py",
        "measured": our_measurements(measured),
        "published": published,
        "computed": [multi_node(count, node) for count in NODES],
        "readers": reading,
        "photos": measured["data"]["photos"],
        "commit": commit(),
    }
    write_json(RESULTS / "scale.json", content)
    print(json.dumps(content, indent=2))


def our_measurements(measured: dict[str, Any]) -> list[dict[str, Any]]:
    """Our measurements: the network alone on preprocessed photos, and commands that also read the photos."""
    batch = measured["inference"]["rivals"][-1]
    (training,) = measured["train_jpeg"]["measured"]
    alone = {
        "machine": f"{batch['device']}: the network alone",
        "trains": training["fit"],
        "scores": round(1000 * batch["photos"] / batch["ms"], 1),
    }
    cores, ways = (measured["collection"][key] for key in ("cores", "ways"))
    commands = [{"machine": f"{cores} cores: `{way['way']}`", "scores": way["photos_a_second"][0]} for way in ways]
    return [alone, *commands]


def reading_rates(data: dict[str, Any]) -> dict[str, float]:
    """Photos per second that one core reads and augments, without and with a cache."""
    rates = {row["way"]: row["photos_a_second"][0] for row in data["loaders"]}
    return {"each time": rates["read each time"], "kept": rates["data.cache memory"]}


def cores_needed(row: dict[str, Any], reading: dict[str, float]) -> dict[str, float | None]:
    """The number of cores needed to read photos as fast as the machine trains on them."""
    trains = row["trains"]
    return {f"cores, {how}": None if trains is None else trains / rate for how, rate in reading.items()}


def multi_node(count: int, node: dict[str, Any]) -> dict[str, Any]:
    """The throughput of several nodes with a ring all-reduce that does not overlap with the backward pass.

    Each node sends 2 (n - 1) / n times the size of the gradients per step.
    """
    step = 8 * BATCH / node["trains"]
    sending = 2 * (count - 1) / count * 4 * WEIGHTS / NETWORK
    return {
        "machine": f"{count} such nodes",
        "trains": count * node["trains"] * step / (step + sending),
        "share": step / (step + sending),
    }


if __name__ == "__main__":
    main()
