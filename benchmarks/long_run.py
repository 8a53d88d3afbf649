"""Checks for memory leaks in training: the resident memory of `multiskin fit` at the end of each epoch.

    python benchmarks/long_run.py

The slope over epochs is compared with its distribution by chance: the slopes of the same values in random order. The
first two epochs are left out as warm-up, and the last because the evaluation after training may have begun by then.
Other options are passed to `multiskin fit`.
"""

import argparse
import subprocess
import sys
from importlib.metadata import version
from tempfile import TemporaryDirectory

import numpy as np
from inference import chance_slopes, resident_mib
from seeds import RESULTS, commit, machine, threads

from multiskin.metrics.bootstrap import RESAMPLES
from multiskin.run import write_json

WARM_UP = 2  # epochs, in which caches fill


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=13, help="with the three that are left out; default: 13")
    parser.add_argument("--draws", type=int, default=320, help="photos per epoch; default: 320")
    args, fit_arguments = parser.parse_known_args()
    held = memory_by_epoch(args.epochs, args.draws, fit_arguments)
    mib = np.array(held[WARM_UP:-1])
    epochs = np.arange(len(mib))
    content = {
        "command": " ".join(
            ["python benchmarks/long_run.py", f"--epochs {args.epochs} --draws {args.draws}", *fit_arguments]
        ),
        "epochs": len(epochs),
        "draws": args.draws,
        "mib": [round(each, 1) for each in held],
        "slope_mib_an_epoch": round(float(np.polyfit(epochs, mib, 1)[0]), 3),
        "chance": [round(each, 3) for each in chance_slopes(epochs, mib)],
        "interval": f"95 of {RESAMPLES} orders",
        "machine": machine(threads()),
        "versions": {package: version(package) for package in ("torch", "timm", "pytorch-lightning")},
        "commit": commit(),
    }
    write_json(RESULTS / "long_run.json", content)
    print(content)


def memory_by_epoch(epochs: int, draws: int, fit_arguments: list[str]) -> list[float]:
    """Resident memory in MiB when the process reports each epoch."""
    with TemporaryDirectory() as folder:
        options = {"--out": f"{folder}/run", "--trainer.max_epochs": epochs, "--data.draws_per_epoch": draws}
        fixed = {"--trainer.patience": "null", "--trainer.progress": "false", "--test": "false"}
        words = [str(word) for pair in (options | fixed).items() for word in pair]
        command = [sys.executable, "-m", "multiskin", "fit", *words, *fit_arguments]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as training:
            assert training.stdout is not None
            held = [resident_mib(training.pid) for line in training.stdout if line.startswith("epoch ")]
    if training.returncode or len(held) != epochs:
        raise RuntimeError(f"{' '.join(command)} ended with {training.returncode} after {len(held)} epochs")
    return held


if __name__ == "__main__":
    main()
