"""Trains configs/isic_abc.yaml with several seeds and writes what the test photos say, with intervals.

    python benchmarks/isic_abc.py --root data/isic_abc --seeds 0 1 2

Finished runs are kept in --runs and are not trained again.
"""

import shutil

from seeds import RESULTS, parser, summarise, train, write


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--root", default="data/isic_abc", help="where the photos are")
    options.add_argument("--weights", default="auto", help="as model.weights")
    given = options.parse_args()

    arguments = ["--config", "configs/isic_abc.yaml", "--data.root", given.root, "--model.weights", given.weights]
    runs = train("isic_abc", arguments, given)
    command = f"python benchmarks/isic_abc.py --seeds {' '.join(map(str, given.seeds))}"
    write("isic_abc", summarise(runs), runs, command)
    shutil.copy(runs[0] / "figures" / "confusion_test.png", RESULTS / "isic_abc_confusion.png")


if __name__ == "__main__":
    main()
