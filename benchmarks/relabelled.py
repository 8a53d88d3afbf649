"""Effect of training without the labels that 'multiskin suspects' marks as likely wrong.

    python benchmarks/relabelled.py --root data/ham10000_small --seeds 0 1 2

For each seed, replaces labels and searches for them as in suspects.py, whose finished searches are reused. Then trains
configs/ham10000.yaml on the table with the replaced labels, and again without the labels that the list recommends to
exclude, which nobody reviews. Test labels are not replaced. Finished runs are kept in --runs.
"""

import argparse
from pathlib import Path

import pandas as pd
from ham10000 import CONFIG, HEAD, compare
from seeds import parser, predictions, train, write
from suspects import search


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--root", type=Path, default=Path("data/ham10000_small"), help="folder of the photos")
    options.add_argument("--weights", default="auto", help="value of model.weights; default: auto")
    options.add_argument("--folds", type=int, default=5)
    options.add_argument("--searches", type=Path, default=Path("runs/benchmark/suspects"), help="--runs of suspects.py")
    args = options.parse_args()
    sought = argparse.Namespace(root=args.root, weights=args.weights, folds=args.folds, runs=args.searches)
    before, after = [], []
    for seed in args.seeds:
        search(sought, seed)
        before.append(_trained("relabelled-before", seed, args))
        listed = args.searches / str(seed) / "suspects.csv"
        after.append(_trained("relabelled-after", seed, args, "--data.exclude", str(listed)))
    command = f"python benchmarks/relabelled.py --seeds {' '.join(map(str, args.seeds))}"
    systems: dict[str, list[pd.DataFrame]] = {
        "without the marked labels": predictions(after),
        "with all labels": predictions(before),
    }
    write("relabelled", compare(systems, HEAD), [*after, *before], command)


def _trained(name: str, seed: int, args: argparse.Namespace, *more: str) -> Path:
    """The run of one seed, on the table with the labels that this seed replaced."""
    planted = (args.searches / f"planted-{seed}.csv").resolve()
    arguments = ["--config", str(CONFIG), "--data.root", str(args.root), "--data.manifest", str(planted)]
    arguments += ["--model.weights", args.weights, *more]
    return train(name, arguments, argparse.Namespace(seeds=[seed], runs=args.runs, commit=args.commit))[0]


if __name__ == "__main__":
    main()
