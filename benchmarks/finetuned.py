"""What losses, and each step from plain cross entropy to a config's own recipe, are worth when all weights are trained.

    python benchmarks/finetuned.py isic_abc --root data/isic_abc --size 128
    python benchmarks/finetuned.py skin5 --size 128

The losses are those whose heads do best on frozen features of the same photos (heads.py, by validation: the three
whose calibrated ones do, and those of the three that led before they were calibrated), all with plain sampling, so that
the loss alone differs. A step keeps all of the steps before it. Settings are chosen on validation photos; test photos
are read for the table alone. Finished runs are kept in --runs and are not trained again. Without --size, photos are as
large as the config has them, and on a CPU all of it takes three times as long.
"""

import argparse
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise, product
from pathlib import Path
from typing import NamedTuple

import pandas as pd
import torch
from recalibrated import recalibrated
from seeds import parser, train, write

from multiskin.compare.answers import Pair, Predictions, read_pair
from multiskin.compare.statistics import RESAMPLES, compare
from multiskin.decisions import decide
from multiskin.schema import Attribute, Schema

INTERVAL = f"95 %, of the method, over seeds and {RESAMPLES} resamples of subjects"
SIDES = ("val", "test")
METRICS = ("p_recall", "kappa", "rps", "macro_mae")
PLAIN = "cross_entropy"
OF_ALL = ["--recipe.resample", "natural", "--recipe.decision", "credit", "--recipe.loss", PLAIN, "--heads", "{}"]


class Step(NamedTuple):
    """Something that a recipe does and the one before it does not.

    Attributes:
        title: of its line.
        variant: the runs that it is read from.
        decision: that their probabilities lead to; "" for the one that they were trained with.
        calibration: of the probabilities before; "" for none.
    """

    title: str
    variant: str
    decision: str = ""
    calibration: str = ""

    @property
    def runs(self) -> str:
        """The name of what it is read from: runs as they were trained, or calibrated."""
        return f"{self.variant} {self.calibration}".strip()


class Recipes(NamedTuple):
    """What is trained on one set of photos.

    Attributes:
        config: whose photos, network and schedule all variants have.
        variants: their options, after OF_ALL and those of `common`.
        losses: variants that are set against PLAIN.
        steps: from plain cross entropy to the config's recipe, each set against the one before.
        tried: what was not taken, each set against that recipe.
        common: options of all variants.
    """

    config: str
    variants: Mapping[str, Sequence[str]]
    losses: Sequence[str]
    steps: Sequence[Step]
    tried: Sequence[Step] = ()
    common: Sequence[str] = ()

    def options(self, variant: str) -> list[str]:
        """All that a variant has in place of the config's own."""
        return [*OF_ALL, *self.common, *self.variants[variant]]


DEFAULT_AUGMENTATION = ["--recipe.augment", "[RandomResizedCrop, HorizontalFlip]"]  # that of Recipe
SQUARE_ROOT = ["--recipe.resample", "square_root"]
BALANCED = ["--heads", "{sensitivity: {resample: balanced, share: 2}}"]  # as in the configs of drawn skin
EVEN = ["--heads", "{n_colors: {share: 8}}"]  # as many draws in effect for each head as it has photos
SETS = {
    "isic_abc": Recipes(
        "configs/isic_abc.yaml",
        {
            "default_augmentation": DEFAULT_AUGMENTATION,
            PLAIN: [],
            "squared_emd": ["--recipe.loss", "squared_emd"],
            "corn": ["--recipe.loss", "corn"],
            "sord": ["--recipe.loss", "sord"],
            "balanced_softmax": ["--recipe.loss", "balanced_softmax"],
            "binomial_labels": ["--recipe.loss", "binomial_labels"],
            "class_balanced_focal": ["--recipe.loss", "class_balanced_focal"],
            "square_root": SQUARE_ROOT,
            "even_shares": [*SQUARE_ROOT, *EVEN],
        },
        ["squared_emd", "corn", "sord", "balanced_softmax", "binomial_labels", "class_balanced_focal"],
        [
            Step("cross entropy, plain sampling, the likeliest grade", "default_augmentation", "argmax"),
            Step("augmentation for these photos", PLAIN, "argmax"),
            Step("the grade of the highest expected credit", PLAIN),
            Step("square-root sampling", "square_root"),
        ],
        tried=[
            Step("tried: augmentation and sampling as by default", "default_augmentation"),
            Step("tried: the number of colours drawn for eight times", "even_shares"),
            Step("tried: calibration before the decision", "square_root", calibration="cumulative"),
        ],
    ),
    "skin5": Recipes(
        "configs/skin5_drawn.yaml",
        {
            "default_augmentation": DEFAULT_AUGMENTATION,
            PLAIN: [],
            "cumulative_link": ["--recipe.loss", "cumulative_link"],
            "coral": ["--recipe.loss", "coral"],
            "beta_labels": ["--recipe.loss", "beta_labels"],
            "sord": ["--recipe.loss", "sord"],
            "one_balanced": [*SQUARE_ROOT, *BALANCED],
            "coral_balanced": [*SQUARE_ROOT, *BALANCED, "--recipe.loss", "coral"],
            "squared_emd": [*SQUARE_ROOT, *BALANCED, "--recipe.loss", "squared_emd"],
        },
        ["coral", "cumulative_link", "beta_labels", "sord"],
        [
            Step("cross entropy, plain sampling, the likeliest grade", "default_augmentation", "argmax"),
            Step("augmentation for these photos", PLAIN, "argmax"),
            Step("the grade of the highest expected credit", PLAIN),
            Step("square-root sampling; sensitivity balanced, and drawn for twice", "one_balanced"),
            Step("CORAL", "coral_balanced"),
            Step("calibration before the decision", "coral_balanced", calibration="cumulative"),
        ],
        tried=[Step("tried: squared EMD in place of CORAL", "squared_emd", calibration="cumulative")],
        common=["--recipe.calibration", "null"],  # which is a step of its own
    ),
}


def main() -> None:
    options = parser(__doc__)
    options.add_argument("data", choices=SETS)
    options.add_argument("--root", help="where the photos are; those of skin5 are drawn if it is not given")
    options.add_argument("--weights", default="auto", help="as model.weights")
    options.add_argument("--size", help="as model.input_size, if not the config's")
    given = options.parse_args()
    recipes = SETS[given.data]
    runs = {variant: trained(given, recipes, variant) for variant in recipes.variants}
    schema = Schema.load(runs[PLAIN][0] / "schema.yaml")
    root = " --root data/isic_abc" if given.root else ""
    size = f" --size {given.size}" if given.size else ""
    command = f"python benchmarks/finetuned.py {given.data}{root}{size} --seeds {' '.join(map(str, given.seeds))}"
    every = [run for of_variant in runs.values() for run in of_variant]
    for step in [*recipes.steps, *recipes.tried]:
        if step.calibration:
            runs[step.runs] = recalibrated(runs[step.variant], step.calibration)
    write(f"losses_{given.data}", pd.concat(against_plain(recipes, runs, schema)), every, command, INTERVAL)
    write(f"steps_{given.data}", pd.concat(step_by_step(recipes, runs, schema)), every, command, INTERVAL)


def trained(given: argparse.Namespace, recipes: Recipes, variant: str) -> list[Path]:
    arguments = ["--config", recipes.config, "--model.weights", given.weights, *recipes.options(variant)]
    root = ["--data.root", given.root] if given.root else []
    size = ["--model.input_size", given.size] if given.size else []
    return train(f"{given.data}-{variant}", [*arguments, *root, *size], given)


def against_plain(recipes: Recipes, runs: Mapping[str, Sequence[Path]], schema: Schema) -> Iterator[pd.DataFrame]:
    """Every loss beside cross entropy."""
    for loss in recipes.losses:
        yield from compared(loss, Step("", loss), Step("", PLAIN), runs, schema)


def step_by_step(recipes: Recipes, runs: Mapping[str, Sequence[Path]], schema: Schema) -> Iterator[pd.DataFrame]:
    """Every step beside the one before it, and what was tried beside the last."""
    pairs = [*pairwise(recipes.steps), *product(recipes.steps[-1:], recipes.tried)]
    for before, step in pairs:
        yield from compared(step.title, step, before, runs, schema)


def compared(
    title: str, step: Step, before: Step, runs: Mapping[str, Sequence[Path]], schema: Schema
) -> Iterator[pd.DataFrame]:
    """A table for validation and one for test photos, of each attribute and their mean."""
    for side in SIDES:
        pairs = [pair(attribute, step, before, runs, side) for attribute in schema]
        table = compare(pairs)
        yield table[table["metric"].isin(METRICS)].assign(title=title, side=side)


def pair(attribute: Attribute, step: Step, before: Step, runs: Mapping[str, Sequence[Path]], side: str) -> Pair:
    """The answers of two steps, which may be those of the same runs decided in two ways."""
    tables = {variant: [run / f"predictions_{side}.csv" for run in of_variant] for variant, of_variant in runs.items()}
    other = before.runs if before.runs != step.runs else next(each for each in tables if each != step.runs)
    read = read_pair(attribute, tables[step.runs], tables[other])
    baseline = read.baseline if before.runs != step.runs else read.candidate
    return replace(read, candidate=decided(read.candidate, step), baseline=decided(baseline, before))


def decided(answers: Predictions, step: Step) -> Predictions:
    """With the grades that a step decides for."""
    if not step.decision:
        return answers
    probabilities = torch.from_numpy(answers.probabilities)  # (S, N, K)
    grades = decide(step.decision, probabilities.flatten(0, 1), torch.ones(probabilities.shape[-1]))
    return answers._replace(predicted=grades.unflatten(0, probabilities.shape[:2]).numpy())


if __name__ == "__main__":
    main()
