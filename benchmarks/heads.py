"""Compares losses for ordinal grades, and decision rules, with heads on features of a frozen backbone.

    python benchmarks/heads.py isic_abc --root data/isic_abc
    python benchmarks/heads.py skin5

Everything is chosen on validation photos; test photos are used for the table only. Features and finished losses are
kept in --runs and not computed again.
"""

import argparse
import json
import sys
import time
from collections.abc import Mapping, Sequence
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
from frozen import SIDES, Frozen, frozen
from probe_metrics import BASELINE, RESAMPLES, Study, ranked
from probes import DECAYS, RATES, STEPS, Chosen, Graded, Setting, choose
from seeds import RESULTS, commit, machine, threads

from multiskin.losses import LOSSES
from multiskin.run import atomic_path, write_json
from multiskin.schema import Schema

CONFIGS = {"isic_abc": "configs/isic_abc.yaml", "skin5": "configs/skin5_drawn.yaml"}
GRID = {"rate": RATES, "decay": DECAYS, "steps": STEPS}
Heads = Mapping[str, Sequence[Chosen]]  # by loss, for each attribute


def main() -> None:
    args = create_parser().parse_args()
    data = frozen(["--config", CONFIGS[args.data], "--model.weights", args.weights], args.root, args.runs)
    sides = {name: [Graded.of(side, h) for h in range(len(data.schema))] for name, side in data.sides.items()}
    chosen, seconds = load_or_train(data, sides, args)
    table = Study(chosen, sides["val"], sides["test"], data.sides["train"].photos.grade_counts()).table()
    table.to_csv(RESULTS / f"heads_{args.data}.csv", index=False, float_format="%.4f")
    write_json(RESULTS / f"heads_{args.data}.json", provenance(args, data, chosen, seconds) | {"ranked": ranked(table)})
    print(table.to_string(index=False))


def create_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", choices=CONFIGS)
    parser.add_argument("--root", help="folder of the photos; without it, those of skin5 are rendered")
    parser.add_argument("--weights", default="auto", help="value of model.weights; default: auto")
    parser.add_argument("--seeds", type=int, nargs="+", default=[*range(10)])
    parser.add_argument("--runs", type=Path, default=Path("runs/heads"), help="folder to cache features and heads in")
    return parser


def load_or_train(data: Frozen, sides: Mapping[str, Sequence[Graded]], args: argparse.Namespace) -> tuple[Heads, float]:
    """The heads of every loss, from the cache if they exist, and the CPU seconds of training all of them."""
    inputs = json.dumps({"features": data.key, "grid": GRID, "seeds": args.seeds}, sort_keys=True)
    folder = args.runs / f"{args.data}-{sha256(inputs.encode()).hexdigest()[:16]}"
    folder.mkdir(parents=True, exist_ok=True)
    chosen, seconds = {}, 0.0
    for loss in LOSSES:
        path = folder / f"{loss}.pt"
        if not path.is_file():
            train_and_save(path, loss, data.schema, sides, args.seeds)
        kept = torch.load(path, weights_only=True)
        chosen[loss] = [Chosen(Setting(*setting), *rest) for setting, *rest in kept["heads"]]
        seconds += kept["seconds"]
        print(f"{loss}: {np.mean([head.score for head in chosen[loss]]):.4f}, {kept['seconds']:.0f} s", file=sys.stderr)
    return chosen, seconds


def train_and_save(
    path: Path, loss: str, schema: Schema, sides: Mapping[str, Sequence[Graded]], seeds: Sequence[int]
) -> None:
    """Trains and chooses the heads of a loss for every attribute, and saves the result."""
    start, of_heads = time.process_time(), zip(schema, *(sides[name] for name in SIDES), strict=True)
    heads = [choose(loss, attribute, of_head, seeds) for attribute, *of_head in of_heads]
    plain = [([*setting], *rest) for setting, *rest in heads]
    with atomic_path(path) as part:
        torch.save({"heads": plain, "seconds": time.process_time() - start}, part)


def provenance(args: argparse.Namespace, data: Frozen, chosen: Heads, seconds: float) -> dict[str, object]:
    """What is needed to reproduce the numbers, and the chosen settings."""
    root = " --root data/isic_abc" if args.data == "isic_abc" else ""
    return {
        "command": f"python benchmarks/heads.py {args.data}{root} --seeds {' '.join(map(str, args.seeds))}",
        "photos": {side: len(of_side.photos) for side, of_side in data.sides.items()},
        "backbone": data.config.model.backbone,
        "baseline": BASELINE,
        "grid": GRID,
        "setting": {
            loss: {attribute.name: head.setting._asdict() for attribute, head in zip(data.schema, heads, strict=True)}
            for loss, heads in chosen.items()
        },
        "seeds": args.seeds,
        "interval": f"95 %, of the method over seeds and {RESAMPLES} resamples of the test subjects",
        "seconds": {"features": round(data.seconds), "heads": round(seconds)},
        "machine": machine(threads()),
        "versions": {name: version(name) for name in ("torch", "timm", "numpy")},
        "commit": commit(),
    }


if __name__ == "__main__":
    main()
