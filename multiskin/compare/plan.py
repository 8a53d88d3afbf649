"""Plans the runs: for every seed the shared model, and one model per attribute, on the same photos and split."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from itertools import count
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from multiskin.compare.contents import package_versions, photo_digests, short_digest, user_digests
from multiskin.config import DistillationConfig, FitConfig, head_recipes
from multiskin.data.manifest import Manifest
from multiskin.data.photos import Photos
from multiskin.data.sampling import Mixture
from multiskin.data.table import read_table
from multiskin.data.validation import read_grades, second_headings
from multiskin.errors import UserError
from multiskin.schema import MISSING, Attribute, Schema
from multiskin.training.checkpoints import deciding_settings
from multiskin.training.checks import monitor_mode
from multiskin.training.trainer import accelerator, precision

Protocol = Literal["equal-epochs", "equal-compute"]
SHARED = "shared"
UNSAFE_CHARACTERS = r"[^\w.+-]+"  # replaced in file names
MAX_NAME_BYTES = 100  # bytes of a model's name in file names, which may have 255 in total
SPLIT = "split"  # the column added to a table that has no split of its own, unless another one has this name


@dataclass(frozen=True, eq=False)
class PlannedRun:
    """One training run: everything that determines its weights and their calibration.

    Attributes:
        model: the name of the model, the same for every seed.
        config: its settings; the paths of its table and folder are filled in when it runs.
        schema: the attributes it learns.
        table: the photos that it is trained and measured on, with their split; cells as text.
        grades: (N, H) of the training photos, -1 where missing.
        image_passes: images that training passes through the network, unless it is stopped early.
        contents: a digest of each photo's bytes, by its path in the table.
        teachers: the runs whose models it also learns from, once they are finished.
    """

    model: str
    config: FitConfig
    schema: Schema
    table: pd.DataFrame
    grades: np.ndarray
    image_passes: int
    contents: Mapping[str, str]
    teachers: tuple["PlannedRun", ...] = ()

    @property
    def title(self) -> str:
        return f"{self.model}, seed {self.config.seed}"

    @cached_property
    def name(self) -> str:
        """The name of its folder; runs that differ in settings, photos or grades have different names."""
        return f"{self.stem}-{self.config.seed}-{self.digest}"

    def teacher_folders(self, runs: Path) -> list[str]:
        """The folders of its teachers, among all runs."""
        return [str((runs / teacher.name).resolve()) for teacher in self.teachers]

    @property
    def stem(self) -> str:
        """The model's name made safe for file names and truncated to leave room for suffixes."""
        return re.sub(UNSAFE_CHARACTERS, "_", self.model).encode()[:MAX_NAME_BYTES].decode(errors="ignore")

    @property
    def work(self) -> int:
        """The relative cost of training: pixels through the network, since input sizes may differ."""
        return self.image_passes * self.config.model.input_size**2

    @property
    def effective_draws(self) -> dict[str, float]:
        """The effective number of draws per epoch, that is of equally weighted ones, by attribute name."""
        draws = self.image_passes / self.config.trainer.max_epochs
        mixture = Mixture.of(self.grades, self.schema, head_recipes(self.config, self.schema.names))
        return dict(zip(self.schema.names, draws * mixture.effective, strict=True))

    @property
    def digest(self) -> str:
        """A digest of everything that determines the results: the training, and the calibration if there is one."""
        methods = [recipe.calibration for recipe in head_recipes(self.config, self.schema.names)]
        suffix = f"-{short_digest(json.dumps(methods).encode())}" if any(methods) else ""
        return f"{self.training_digest}{suffix}"

    @cached_property
    def training_digest(self) -> str:
        """A digest of everything that determines the weights; calibration, which is fitted afterwards, does not."""
        trained = [replace(recipe, calibration=None) for recipe in head_recipes(self.config, self.schema.names)]
        recipes = [_without_empty(asdict(recipe)) for recipe in trained]
        rest = asdict(self.config) | {"recipe": {}, "heads": {}}  # only the heads' resolved recipes matter
        content = {
            "versions": package_versions(),
            "device": (accelerator(self.config.trainer), precision(self.config.trainer)),
            "settings": _without_empty(dict(deciding_settings(rest))),
            "heads": [
                (each.name, each.kind, each.grades, each.grade_names, each.column, recipe)
                for each, recipe in zip(self.schema, recipes, strict=True)
            ],
            "table": self.table.to_csv(index=False),
            "photos": [self.contents[path] for path in self.table[self.config.data.columns.image]],
            "weights": "",
        } | user_digests(self.config)
        if self.teachers:
            content["teachers"] = [teacher.training_digest for teacher in self.teachers]
        return short_digest(json.dumps(content, ensure_ascii=False).encode())


class Experiment:
    """What the models of a comparison have in common: settings, photos, grades and split.

    Args:
        config: the shared model's settings.
        photos: validated, with their split.
    """

    def __init__(self, config: FitConfig, photos: Photos) -> None:
        self.config = config
        self.manifest = photos.manifest
        self.cells = read_table(Path(config.data.root) / config.data.manifest).cells.loc[photos.manifest.rows]
        self.split = config.data.columns.split or self._free_name()
        if config.data.columns.split is None:
            self.cells = self.cells.assign(**{self.split: photos.split})
        self.cells = _regraded(self.cells, self.manifest)
        self.grades = photos.side("train").grades  # (N, H)
        self.graded = self.grades != MISSING
        self.contents = photo_digests(photos.manifest.root, self.cells[config.data.columns.image])

    @property
    def draws(self) -> int:
        """How many photos the shared model draws per epoch."""
        return self.config.data.draws_per_epoch or int(self.graded.any(axis=1).sum())

    def shared(self, model: str = SHARED) -> PlannedRun:
        """One model for all attributes."""
        return self._run(model, self.config, self.manifest.schema, np.full(len(self.manifest), True), self.draws)

    def single(self, attribute: Attribute, protocol: Protocol, epochs: int | None = None) -> PlannedRun:
        """A model for one attribute, with that head's recipe, on the photos that are graded for it.

        Args:
            attribute: which one.
            protocol: how many photos it draws per epoch.
            epochs: None for as many as the shared model.
        """
        head = self.manifest.schema.index(attribute.name)
        single_head = {"loss_weight": 1.0, "share": 1.0}  # there is no other head to balance against
        monitor = _monitor_of(attribute, self.config.trainer.monitor)
        config = replace(
            self.config,
            weighting=None,
            heads={attribute.name: self.config.heads.get(attribute.name, {}) | single_head},
            trainer=replace(self.config.trainer, monitor=monitor, max_epochs=epochs or self.config.trainer.max_epochs),
        )
        graded = self.manifest.grades[:, head] != MISSING
        draws = self._single_draws(head, protocol)
        return self._run(single_name(attribute), config, Schema((attribute,)), graded, draws)

    def _single_draws(self, head: int, protocol: Protocol) -> int:
        by_head = self.graded.sum(axis=0)
        if protocol == "equal-epochs":
            draws = round(self.draws * by_head[head] / self.graded.any(axis=1).sum())
        else:  # the rounded sums, so that all heads together have exactly the shared model's draws
            before, after = by_head[:head].sum(), by_head[: head + 1].sum()
            draws = round(self.draws * after / by_head.sum()) - round(self.draws * before / by_head.sum())
        return max(draws, 1)

    def _run(self, model: str, config: FitConfig, schema: Schema, rows: np.ndarray, draws: int) -> PlannedRun:
        table = self.cells.loc[rows, self._headings(schema, self.split)]
        second = config.data.columns.second_rater
        columns = replace(
            config.data.columns,
            split=self.split,
            ignore=[],
            second_rater=second if any(name in table for name in second_headings(schema, second)) else None,
        )
        data = replace(config.data, columns=columns, render=None, faces=None, draws_per_epoch=draws)
        data = replace(data, exclude=None, relabel=None)  # already applied to the table
        config = replace(config, data=data, ckpt_path=None)
        grades = self.grades[:, [self.manifest.schema.index(name) for name in schema.names]]
        return PlannedRun(model, config, schema, table, grades, draws * config.trainer.max_epochs, self.contents)

    def _free_name(self) -> str:
        """A name for the column of the split that no other column in use has."""
        taken = self._headings(self.manifest.schema)
        return next(name for number in count() if (name := f"{SPLIT}{number or ''}") not in taken)

    def _headings(self, schema: Schema, split: str = "") -> list[str]:
        """The columns of the table that concern these attributes."""
        columns = self.config.data.columns
        place = [columns.image, *(columns.box or ())]
        known = [*place, columns.subject, columns.part, *columns.groups, split]
        second = [name for name in second_headings(schema, columns.second_rater) if name in self.cells]
        grades = [attribute.heading for attribute in schema]
        return list(dict.fromkeys([*filter(None, known), *grades, *second]))


def _regraded(cells: pd.DataFrame, manifest: Manifest) -> pd.DataFrame:
    """The table with data.exclude and data.relabel applied; cells with unchanged grades keep their spelling."""
    own, columns = read_grades(cells, manifest.schema)[0], {}
    for attribute, before, grades in zip(manifest.schema, own.T, manifest.grades.T, strict=True):
        labels = np.array([*map(attribute.grade_label, range(attribute.grades)), ""], dtype=object)  # -1 is the last
        columns[attribute.heading] = cells[attribute.heading].where(grades == before, labels[grades])
    return cells.assign(**columns)


def _without_empty(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings without empty values, so that a new option does not change the digests of runs that leave it off."""
    return {
        option: value for option, value in settings.items() if value not in (None, {}, [], "") and value is not False
    }


def plan_comparison(
    config: FitConfig,
    photos: Photos,
    seeds: Sequence[int],
    protocol: Protocol = "equal-epochs",
    distill: float | None = None,
    single_epochs: int | None = None,
) -> list[PlannedRun]:
    """The shared model and a model for each attribute, seed by seed.

    With equal epochs, a single model is trained for as many epochs of its own photos as the shared model; with equal
    compute, all single models together pass as many photos through a network as the shared one, and none is stopped
    early.

    Args:
        config: the shared model's settings.
        photos: validated, with their split.
        seeds: of the runs.
        protocol: how long the single models are trained.
        distill: weight of what the shared model learns from the single models of its seed; None: it does not.
        single_epochs: of each single model; None: as many as the shared model. Only with equal epochs.

    Raises:
        UserError: no seed, a seed given twice, or fewer than two attributes.
    """
    check_seeds(seeds)
    schema = photos.manifest.schema
    if len(schema) < 2:
        raise UserError(f"schema: {schema.names[0]} is the only attribute; a comparison needs at least two")
    if protocol == "equal-compute":
        config = _without_early_stopping(config)
    experiment = Experiment(config, photos)
    shared = experiment.shared()
    singles = [experiment.single(attribute, protocol, single_epochs) for attribute in schema]
    if distill is not None:
        learning = replace(shared.config, distillation=DistillationConfig(weight=distill))
        shared = replace(shared, config=learning, teachers=tuple(singles))
    return with_seeds([shared, *singles], seeds)


def _without_early_stopping(config: FitConfig) -> FitConfig:
    """The settings without early stopping; a patience without effect is kept, so that run names do not change."""
    patience, epochs = config.trainer.patience, config.trainer.max_epochs
    if patience is None or patience >= epochs:
        return config
    return replace(config, trainer=replace(config.trainer, patience=None))


def require_measurable(photos: Photos, sides: Sequence[str]) -> None:
    """Makes sure that every attribute is graded on the given splits, on which its models are measured.

    Raises:
        UserError: an attribute without a grade on one of them.
    """
    for side in sides:
        for attribute, counts in zip(photos.manifest.schema, photos.side(side).grade_counts(), strict=True):
            if not counts.any():
                remedy = "change the split, or remove the attribute from the schema"
                raise UserError(
                    f"no {side} photo is graded for {attribute.name}, so its models cannot be compared; {remedy}"
                )


def interval_notice(photos: Photos, side: str) -> str:
    """A notice, to be shown before training, naming attributes graded for only one subject on a split; "" if none."""
    manifest = photos.side(side)
    units, graded = manifest.units, zip(manifest.schema, manifest.grades.T, strict=True)
    single_subject = [attribute.name for attribute, grades in graded if len(np.unique(units[grades != MISSING])) == 1]
    if not single_subject:
        return ""
    return (
        f"notice: {', '.join(single_subject)}: all graded {side} photos are of one subject and say nothing about "
        "others, so the difference will have no interval; use a split with more subjects to get one"
    )


def with_seeds(models: Sequence[PlannedRun], seeds: Sequence[int]) -> list[PlannedRun]:
    """Every model with every seed, seed by seed, so that an interrupted comparison has complete seeds."""
    return [_with_seed(model, seed) for seed in seeds for model in models]


def _with_seed(model: PlannedRun, seed: int) -> PlannedRun:
    teachers = tuple(_with_seed(teacher, seed) for teacher in model.teachers)
    return replace(model, config=replace(model.config, seed=seed), teachers=teachers)


def names_of(planned: Sequence[PlannedRun]) -> dict[str, dict[str, str]]:
    """The name of each run, by its model and its seed as text."""
    names: dict[str, dict[str, str]] = {}
    for run in planned:
        names.setdefault(run.model, {})[str(run.config.seed)] = run.name
    return names


def single_name(attribute: Attribute) -> str:
    """The name of the model for one attribute."""
    return f"single-{attribute.name}"


def check_seeds(seeds: Sequence[int], where: str = "--seeds") -> None:
    """Makes sure that there is a seed, and that none would count a run twice.

    Args:
        seeds: of the runs.
        where: the option or key that lists them, for messages.

    Raises:
        UserError: no seed, or one given twice.
    """
    if not seeds:
        raise UserError(f"{where}: none given; name at least one, and three or more for an interval over seeds")
    for seed in seeds:
        if seeds.count(seed) > 1:
            raise UserError(f"{where}: {seed} is given twice; give each seed once")


def _monitor_of(attribute: Attribute, monitor: str) -> str:
    """The metric that selects the best checkpoint of a single-attribute model: the shared model's, of that attribute.

    If the attribute has no such metric, as a nominal one has no ordinal metrics, it is the loss.
    """
    own = f"val/{attribute.name}/{monitor.split('/')[-1]}"
    try:
        monitor_mode(own, Schema((attribute,)))
    except UserError:
        return "val/loss"
    return own
