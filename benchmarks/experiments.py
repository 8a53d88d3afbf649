"""Runs or resumes the comparisons and studies in the README, and saves their results next to this script.

    python benchmarks/experiments.py compare skin5_london --data.faces data/london_faces
    python benchmarks/experiments.py study loss

All other options are passed to `multiskin compare` or `multiskin study`. Writes KIND_NAME.json (all results and their
origin), KIND_NAME.csv, KIND_NAME.md and, for a comparison, figures; with --variant, KIND_NAME_VARIANT and so on.
"""

import argparse
import json
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
from seeds import RESULTS, commit, machine, threads

from multiskin.run import write_json

ROOT = Path(__file__).parent.parent
CONFIGS = {"compare": ROOT / "configs", "study": ROOT / "configs" / "studies"}
CONTENT = {"compare": "results.json", "study": "study.json"}
TABLES = {"compare": "table.csv", "study": "results.csv"}
PICTURES = ("differences", "cost")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kind", choices=CONFIGS)
    parser.add_argument("name", help="name of a file in configs/ or configs/studies/, without .yaml")
    parser.add_argument("--runs", type=Path, help="folder for the runs; default: runs/KIND-NAME")
    parser.add_argument("--commit", help="commit that finished runs were trained at; default: the one checked out")
    parser.add_argument("--variant", help="name for results with other options than those of KIND_NAME")
    args, options = parser.parse_known_args()
    name = "_".join(filter(None, [args.kind, args.name, args.variant]))
    runs = args.runs or Path("runs") / name.replace("_", "-", 1)
    config = (CONFIGS[args.kind] / f"{args.name}.yaml").relative_to(ROOT)
    command = ["multiskin", args.kind, "--config", str(config), *options]
    recorded = shlex.join(_without_local_paths(command))
    if is_other(name, recorded):
        parser.error(f"{name}.json holds results of other options; name yours with --variant, or remove the file")
    subprocess.run([sys.executable, "-m", *command, "--out", str(runs)], check=True)
    save_results(args.kind, name, runs, recorded, args.commit or commit())


def is_other(name: str, command: str) -> bool:
    """Whether the results of this name are those of another command; the order of its options does not matter."""
    path = RESULTS / f"{name}.json"
    if not path.is_file():
        return False
    recorded = json.loads(path.read_text(encoding="utf-8"))["command"]
    return sorted(shlex.split(recorded)) != sorted(shlex.split(command))


def save_results(kind: str, name: str, runs: Path, command: str, made_at: str) -> None:
    """Copies the results of a finished comparison or study to the results folder, with their origin."""
    origin = {
        "command": command,
        "machine": machine(threads()),
        "commit": made_at,
    }
    content = json.loads((runs / CONTENT[kind]).read_text(encoding="utf-8"))
    if kind == "study":
        content["costs"] = pd.read_csv(runs / "costs.csv").to_dict("records")
    write_json(RESULTS / f"{name}.json", origin | content)
    shutil.copy(runs / TABLES[kind], RESULTS / f"{name}.csv")
    shutil.copy(runs / "table.md", RESULTS / f"{name}.md")
    for picture in PICTURES:
        if (runs / "figures" / f"{picture}.png").is_file():
            shutil.copy(runs / "figures" / f"{picture}.png", RESULTS / f"{name}_{picture}.png")


def _without_local_paths(command: list[str]) -> list[str]:
    """The command without local paths: timm's own weights, and data folders in data/."""
    if "--model.weights" in command:
        place = command.index("--model.weights")
        command = command[:place] + command[place + 2 :]
    return [str(Path("data") / Path(word).name) if Path(word).is_absolute() else word for word in command]


if __name__ == "__main__":
    main()
