"""Times the first run of a new user: 'multiskin fit' without options, with no rendered photos in the cache.

    python benchmarks/default_run.py             # about seven minutes on two cores; keep the machine idle meanwhile

Writes the seconds of the whole command, of the time until the photos are rendered and of training, and the test
P-Recall of the run.
"""

import json
import os
import platform
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd
from seeds import RESULTS, commit

from multiskin.data.render.cache import VARIABLE
from multiskin.run import RunFolder


def main() -> None:
    load = os.getloadavg()[0]
    with TemporaryDirectory() as place:
        run, cache = RunFolder(Path(place) / "run"), Path(place) / "cache"
        began, start = time.time(), time.monotonic()
        command = [sys.executable, "-m", "multiskin", "fit", "--out", str(run.root)]
        subprocess.run(command, check=True, env=os.environ | {VARIABLE: str(cache)})
        seconds = time.monotonic() - start
        [drawn] = cache.glob("rendered-*/settings.json")
        parts = {
            "whole command": seconds,
            "until the photos are drawn": drawn.stat().st_mtime - began,
            "training and validation": pd.read_csv(run.curves)["train/seconds"].sum(),
        }
        p_recall = json.loads(run.metrics.read_text())["test"]["mean"]["p_recall"]
    table = pd.DataFrame({"part": list(parts), "seconds": [round(value) for value in parts.values()]})
    table.to_csv(RESULTS / "default_run.csv", index=False)
    source = {
        "command": "python benchmarks/default_run.py",
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, no GPU, load {load:.1f} before",
        "test_p_recall": round(p_recall, 4),
        "commit": commit(),
    }
    (RESULTS / "default_run.json").write_text(json.dumps(source, indent=2) + "\n")
    print(table.to_string(index=False))


if __name__ == "__main__":
    main()
