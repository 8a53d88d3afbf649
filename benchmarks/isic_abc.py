"""Trains configs/isic_abc.yaml with several seeds and writes the test metrics with their intervals.

    python benchmarks/isic_abc.py --root data/isic_abc --seeds 0 1 2

With --diagnosis, trains configs/isic_abc_diagnosis.yaml, which has a nominal head in addition to the ordinal ones.
Finished runs are kept in --runs and not trained again.
"""

import shutil

from seeds import RESULTS, parser, summarise, train, write


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--root", default="data/isic_abc", help="folder of the photos")
    options.add_argument("--weights", default="auto", help="value of model.weights; default: auto")
    options.add_argument("--diagnosis", action="store_true", help="also learn the diagnosis")
    args = options.parse_args()

    name = "isic_abc_diagnosis" if args.diagnosis else "isic_abc"
    arguments = ["--config", f"configs/{name}.yaml", "--data.root", args.root, "--model.weights", args.weights]
    runs = train(name, arguments, args)
    diagnosis = " --diagnosis" if args.diagnosis else ""
    command = f"python benchmarks/isic_abc.py{diagnosis} --seeds {' '.join(map(str, args.seeds))}"
    write(name, summarise(runs), runs, command)
    shutil.copy(runs[0] / "figures" / "confusion_test.png", RESULTS / f"{name}_confusion.png")


if __name__ == "__main__":
    main()
