"""Effect of the loss, and of each step from plain cross entropy to a config's recipe, when all weights are trained.

    python benchmarks/finetuned.py isic_abc --root data/isic_abc --size 128
    python benchmarks/finetuned.py skin5 --size 128

The losses are those whose heads are best on frozen features of the same photos (heads.py, by validation: the best three
with calibration and the best three without). All are trained with plain sampling, so that only the loss differs. Each
step includes all steps before it. Settings are chosen on validation photos; test photos are used for the table only.
Finished runs are kept in --runs and not trained again. Without --size, photos have the config's input size, which takes
three times as long on a CPU.
"""

import argparse
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise, product
from pathlib import Path
from typing import NamedTuple

import pandas as pd
import torch
from recalibrated import recalibrate
from seeds import parser, train, write

from multiskin.compare.answers import Pair, Predictions, read_pair
from multiskin.compare.statistics import RESAMPLES, compare
from multiskin.decisions import decide
from multiskin.schema import Attribute, Schema

INTERVAL = f"95 %, of the method, over seeds and {RESAMPLES} resamples of subjects"
SIDES = ("val", "test")
METRICS = ("p_recall", "kappa", "rps", "macro_mae")
PLAIN = "cross_entropy"
OVERRIDES = ["--recipe.resample", "natural", "--recipe.decision", "credit", "--recipe.loss", PLAIN, "--heads", "{}"]


class Step(NamedTuple):
    """A recipe that adds one change to the previous step.

    Attributes:
        title: the title of its row in the table.
        variant: the trained variant that it uses.
        decision: the decision rule to apply; "" for the one that the runs have.
        calibration: the calibration method to apply before the decision; "" for none.
    """

    title: str
    variant: str
    decision: str = ""
    calibration: str = ""

    @property
    def runs(self) -> str:
        """The name of the runs that it uses: those of the variant as trained, or calibrated."""
        return f"{self.variant} {self.calibration}".strip()


class Recipes(NamedTuple):
    """The experiments on one set of photos.

    Attributes:
        config: the config with the photos, network and schedule of all variants.
        variants: by name, the options of each variant, in addition to OVERRIDES and `common`.
        losses: variants to compare with PLAIN.
        steps: from plain cross entropy to the config's recipe, each compared with the previous one.
        tried: alternatives that were rejected, each compared with the config's recipe.
        common: options of all variants, in addition to OVERRIDES.
    """

    config: str
    variants: Mapping[str, Sequence[str]]
    losses: Sequence[str]
    steps: Sequence[Step]
    tried: Sequence[Step] = ()
    common: Sequence[str] = ()

    def options(self, variant: str) -> list[str]:
        """All options of a variant, which override the config."""
        return [*OVERRIDES, *self.common, *self.variants[variant]]


DEFAULT_AUGMENTATION = ["--recipe.augment", "[RandomResizedCrop, HorizontalFlip]"]  # the default of Recipe.augment
SQUARE_ROOT = ["--recipe.resample", "square_root"]
BALANCED = ["--heads", "{sensitivity: {resample: balanced, share: 2}}"]  # as in configs/skin5_drawn.yaml
EVEN = ["--heads", "{n_colors: {share: 8}}"]  # gives each head about as many effective draws as it has photos
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
            Step("cross entropy, plain sampling, most probable grade", "default_augmentation", "argmax"),
            Step("augmentation for these photos", PLAIN, "argmax"),
            Step("grade of highest expected credit", PLAIN),
            Step("square-root sampling", "square_root"),
        ],
        tried=[
            Step("tried: default augmentation and sampling", "default_augmentation"),
            Step("tried: eight times the share for the number of colours", "even_shares"),
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
            Step("cross entropy, plain sampling, most probable grade", "default_augmentation", "argmax"),
            Step("augmentation for these photos", PLAIN, "argmax"),
            Step("grade of highest expected credit", PLAIN),
            Step("square-root sampling; sensitivity balanced, with twice the share", "one_balanced"),
            Step("CORAL", "coral_balanced"),
            Step("calibration before the decision", "coral_balanced", calibration="cumulative"),
        ],
        tried=[Step("tried: squared EMD in place of CORAL", "squared_emd", calibration="cumulative")],
        common=["--recipe.calibration", "null"],  # calibration is a separate step
    ),
}


def main() -> None:
    options = parser(__doc__)
    options.add_argument("data", choices=SETS)
    options.add_argument("--root", help="folder of the photos; without it, those of skin5 are rendered")
    options.add_argument("--weights", default="auto", help="value of model.weights; default: auto")
    options.add_argument("--size", help="value of model.input_size; default: that of the config")
    args = options.parse_args()
    recipes = SETS[args.data]
    runs = {variant: train_variant(args, recipes, variant) for variant in recipes.variants}
    schema = Schema.load(runs[PLAIN][0] / "schema.yaml")
    root = " --root data/isic_abc" if args.root else ""
    size = f" --size {args.size}" if args.size else ""
    command = f"python benchmarks/finetuned.py {args.data}{root}{size} --seeds {' '.join(map(str, args.seeds))}"
    all_runs = [run for variant_runs in runs.values() for run in variant_runs]
    for step in [*recipes.steps, *recipes.tried]:
        if step.calibration:
            runs[step.runs] = recalibrate(runs[step.variant], step.calibration)
    write(f"losses_{args.data}", pd.concat(compare_losses(recipes, runs, schema)), all_runs, command, INTERVAL)
    write(f"steps_{args.data}", pd.concat(compare_steps(recipes, runs, schema)), all_runs, command, INTERVAL)


def train_variant(args: argparse.Namespace, recipes: Recipes, variant: str) -> list[Path]:
    arguments = ["--config", recipes.config, "--model.weights", args.weights, *recipes.options(variant)]
    root = ["--data.root", args.root] if args.root else []
    size = ["--model.input_size", args.size] if args.size else []
    return train(f"{args.data}-{variant}", [*arguments, *root, *size], args)


def compare_losses(recipes: Recipes, runs: Mapping[str, Sequence[Path]], schema: Schema) -> Iterator[pd.DataFrame]:
    """Every loss compared with cross entropy."""
    for loss in recipes.losses:
        yield from comparison_tables(loss, Step("", loss), Step("", PLAIN), runs, schema)


def compare_steps(recipes: Recipes, runs: Mapping[str, Sequence[Path]], schema: Schema) -> Iterator[pd.DataFrame]:
    """Every step compared with the previous one, and every rejected alternative compared with the last step."""
    pairs = [*pairwise(recipes.steps), *product(recipes.steps[-1:], recipes.tried)]
    for before, step in pairs:
        yield from comparison_tables(step.title, step, before, runs, schema)


def comparison_tables(
    title: str, step: Step, before: Step, runs: Mapping[str, Sequence[Path]], schema: Schema
) -> Iterator[pd.DataFrame]:
    """Two tables, for validation and for test photos, of each attribute and their mean."""
    for side in SIDES:
        pairs = [paired_predictions(attribute, step, before, runs, side) for attribute in schema]
        table = compare(pairs)
        yield table[table["metric"].isin(METRICS)].assign(title=title, side=side)


def paired_predictions(
    attribute: Attribute, step: Step, before: Step, runs: Mapping[str, Sequence[Path]], side: str
) -> Pair:
    """The predictions of two steps, which may use the same runs with different decision rules."""
    tables = {
        variant: [run / f"predictions_{side}.csv" for run in variant_runs] for variant, variant_runs in runs.items()
    }
    other = before.runs if before.runs != step.runs else next(each for each in tables if each != step.runs)
    read = read_pair(attribute, tables[step.runs], tables[other])
    baseline = read.baseline if before.runs != step.runs else read.candidate
    return replace(read, candidate=with_decision(read.candidate, step), baseline=with_decision(baseline, before))


def with_decision(answers: Predictions, step: Step) -> Predictions:
    """The predictions with the grades that the step's decision rule gives."""
    if not step.decision:
        return answers
    probabilities = torch.from_numpy(answers.probabilities)  # (S, N, K)
    grades = decide(step.decision, probabilities.flatten(0, 1), torch.ones(probabilities.shape[-1]))
    return answers._replace(predicted=grades.unflatten(0, probabilities.shape[:2]).numpy())


if __name__ == "__main__":
    main()
