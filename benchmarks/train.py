"""Training throughput compared with a bare loop in timm and PyTorch, on batches in memory and on photos from disk.

    python benchmarks/train.py             # keep the machine idle meanwhile

Three loops alternate in one process, as in 'multiskin bench train': the bare loop and 'fit' over the same few batches
in memory, and 'fit' over its photos in the second epoch. All other options are passed to 'fit', such as
--data.cache memory --data.batch_size 256 on a GPU, or a --config for other photos.
"""

import argparse
import os
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

import numpy as np
from determinism import device_name
from seeds import RESULTS, commit

from multiskin.cli.photos import checked_photos, with_photos_drawn
from multiskin.cli.settings import EMBEDDED, fit_config
from multiskin.config import FitConfig
from multiskin.metrics.bootstrap import RESAMPLES
from multiskin.run import write_json
from multiskin.schema import Schema
from multiskin.timing import ratio_of_speeds, time_rounds
from multiskin.training.throughput import create_loops
from multiskin.training.trainer import accelerator, precision

BARS = {"fit": 0.97, "loading": 0.9}  # targets: relative to the bare loop, and to fit on batches in memory
ON_GPU = [
    ["--trainer.precision", kind, *compiled]
    for kind in ("32-true", "bf16-mixed")
    for compiled in ([], ["--trainer.compile", "default"])
]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15, help="rounds per loop; default: 15")
    parser.add_argument("--steps", type=int, default=20, help="steps per round; default: 20")
    parser.add_argument("--out", type=Path, default=RESULTS / "train.json")
    options, fit_arguments = parser.parse_known_args()
    config, _ = settings(fit_arguments)
    load = os.getloadavg()[0]
    ways = ON_GPU if accelerator(config.trainer) == "cuda" else [[]]
    measured = [measure([*fit_arguments, *way], options.rounds, options.steps) for way in ways]
    for row in measured:
        print("  ".join(f"{key} {value}" for key, value in row.items()))
    command = " ".join(
        ["python benchmarks/train.py", f"--rounds {options.rounds} --steps {options.steps}", *fit_arguments]
    )
    content = {
        "command": command,
        "network": f"{config.model.backbone}, {config.model.input_size} pixels, batches of {config.data.batch_size}",
        "interval": f"medians of {options.rounds} rounds; 95 %, {RESAMPLES} resamples of rounds",
        "bars": BARS,
        "load_before": round(load, 1),
        "versions": {package: version(package) for package in ("torch", "timm", "pytorch-lightning")},
        "commit": commit(),
    }
    write_json(options.out, {"measured": measured} | content)


def settings(fit_arguments: Sequence[str]) -> tuple[FitConfig, Schema]:
    default = [] if "--config" in fit_arguments else ["--config", str(EMBEDDED)]
    return fit_config("multiskin fit", "", [*default, *fit_arguments])


def measure(fit_arguments: Sequence[str], rounds: int, steps: int) -> dict[str, object]:
    """Photos per second of each loop, and relative speeds with their 95 % intervals."""
    config, schema = settings(fit_arguments)
    config = with_photos_drawn(config)
    loops = create_loops(config, checked_photos(config, schema), steps)
    seconds = time_rounds([loops.bare, loops.fit, loops.loading], range(rounds))  # (R, 3)
    bare, fit, loading = (round(1 / value, 1) for value in np.median(seconds, axis=0).tolist())
    return {
        "device": device_name(loops.device),
        "precision": precision(config.trainer),
        "compile": config.trainer.compile,
        "workers": loops.data.train_dataloader().num_workers,
        "cache": config.data.cache,
        "bare": bare,
        "fit": fit,
        "loading": loading,
        "fit_share": [round(value, 4) for value in ratio_of_speeds(seconds[:, :2])],
        "loading_share": [round(value, 4) for value in ratio_of_speeds(seconds[:, 1:])],
    }


if __name__ == "__main__":
    main()
