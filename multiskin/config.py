"""Every setting of a run: its default and its meaning. The command line and the help texts are made from this."""

import math
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, fields, is_dataclass
from functools import cache
from operator import attrgetter
from types import NoneType
from typing import TYPE_CHECKING, Any, Literal, get_args

from multiskin.errors import UserError, unknown
from multiskin.wording import plain_message

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser

Step = str | dict[str, dict[str, Any]]  # a transform by name, or {name: {option: value}}


@dataclass
class Recipe:
    """How one head learns."""

    loss: str = "cross_entropy"
    """cross_entropy, label_smoothing, focal, class_balanced_cross_entropy, class_balanced_focal, balanced_softmax,
    logit_adjustment or ldam; for ordered grades also masked_label_smoothing, sord, binomial_labels, beta_labels,
    triangular_labels, squared_emd, cdw_ce, expected_credit, coral, corn or cumulative_link."""
    loss_options: dict[str, float] = field(default_factory=dict)
    """Options of the loss, such as {gamma: 2.0}."""
    loss_weight: float = 1.0
    """Weight of this head in the sum of the losses."""
    resample: str | list[float] = "natural"
    """Grades the head asks for: natural, balanced, square_root, effective_number, or one share per grade."""
    share: float = 1.0
    """Share of the mixture of photos that is drawn for this head, relative to the others."""
    augment: list[Step] = field(default_factory=lambda: ["RandomResizedCrop", "HorizontalFlip"])
    """Transforms of the photos drawn for this head, by name, in order; training only."""
    dropout: float = 0.2
    """Dropout before the head's last linear layer."""
    hidden: int | None = None
    """Units of a small extra layer before the head's last one; null for none."""
    stride: int | None = None
    """Stride (input pixels per map pixel) of an earlier stage of the backbone, such as 16 or 8, that the head reads in
    addition to the final map; null for the final map alone."""
    decision: Literal["argmax", "median", "expectation", "credit"] = "credit"
    """How probabilities become one grade: credit aims at the highest P-Recall, expectation is the expected grade,
    rounded. Nominal grades are always decided by argmax."""
    credit: list[list[float]] | None = None
    """What decision credit earns, K lists of K numbers: the j-th number of the i-th list for deciding grade j where
    grade i is the true one; default: as P-Recall counts."""
    calibration: Literal["temperature", "bias_corrected", "vector", "cumulative"] | None = None
    """Calibrate the probabilities on the validation photos after training, once the sampler's shares of the grades are
    undone. temperature: one factor; bias_corrected: also an offset for each grade; vector: a factor and an offset for
    each grade; cumulative: bias_corrected and, where grades are ordered, a factor and an offset for each cut between
    them; null: not at all. A loss that itself weighs grades needs more than temperature."""


@dataclass
class ModelConfig:
    """The network."""

    backbone: str = "efficientnet_b0"
    """Any timm backbone, by name."""
    weights: str = "auto"
    """auto (timm's published weights, fetched once), none, or a local .safetensors or .pth file."""
    input_size: int = 224
    """Height and width of what the network sees, in pixels."""
    output_stride: int | None = None
    """Input pixels per pixel of the final map; smaller gives finer maps and costs time."""
    dilation: bool = True
    """Widen the kernels behind an output_stride, as published weights need; false is faster from random weights."""
    gradient_checkpointing: bool = False
    """Train with less memory in about a third more time: blocks keep only their inputs and are computed again."""


@dataclass
class Columns:
    """Which column of the table holds what; attributes find theirs by name."""

    image: str = "image"
    """Path of the photo, relative to data.root."""
    box: list[str] | None = None
    """Four columns, x0, y0, x1 and y1: the corners, in pixels, of the part of the photo that a row is about."""
    split: str | None = None
    """train, val, test or calibrate; without this column a split is made."""
    subject: str | None = None
    """Whose photo it is; one subject is never on two sides of the split."""
    part: str | None = None
    """Which part of the face or body; kept in the tables of predictions."""
    groups: list[str] = field(default_factory=list)
    """Sex, age, skin tone and the like; kept in the tables of predictions."""
    second_rater: str | None = None
    """Columns of a second rater's grades, with {} for an attribute's own heading, such as '{} (2)'; that rater's
    scores, measured against the first rater's grades, are shown next to results."""
    ignore: list[str] = field(default_factory=list)
    """Columns to ignore; any other unknown column is an error."""


@dataclass
class SplitConfig:
    """How a split is made where the table has none."""

    ratios: list[float] = field(default_factory=lambda: [0.7, 0.2, 0.1])
    """Shares of train, val and test; a fourth share, calibrate, is only for 'multiskin conform'."""
    seed: int = 0


@dataclass
class RenderConfig:
    """A set of drawn photos."""

    persons: list[int] = field(default_factory=lambda: [840, 80, 150])
    """How many to train, to validate and to test with; five photos each."""
    size: int = 160
    """Height and width, in pixels."""
    seed: int = 0


@dataclass
class SkinConfig:
    """What is done to every photo before anything else, in training and wherever the model is used."""

    crop: bool = False
    """Show the network only the largest face, upright; a photo without a face is shown whole."""
    only: bool = False
    """Turn grey what is not skin or lips: hair, eyes, clothes, background."""
    detector: str | None = None
    """What finds faces: the path of a YuNet .onnx file; default: MTCNN, which is included."""


@dataclass
class DataConfig:
    """The photographs and their grades."""

    root: str = "data"
    """Folder that the table's paths are relative to."""
    manifest: str = "labels.csv"
    """The table, CSV or Parquet, relative to root."""
    render: RenderConfig | None = None
    """Draw the photos instead of reading root; they are kept in a cache and drawn once."""
    faces: str | None = None
    """Draw on photographs of faces, from a folder with faces.csv and landmarks.json; default: on drawn faces."""
    columns: Columns = field(default_factory=Columns)
    split: SplitConfig = field(default_factory=SplitConfig)
    on_bad_row: Literal["error", "skip"] = "error"
    """Stop at bad rows with a report, or leave them out and list them in the run folder."""
    exclude: str | None = None
    """Grades not to learn from: a CSV with columns image and attribute (blank: all grades of the photo); if it has a
    column exclude, like the suspects.csv of 'multiskin suspects', only its rows with yes. Training and validation
    photos alone lose grades."""
    relabel: str | None = None
    """Corrected grades to learn from: a CSV with a column image and one per attribute, blank where the table's grade
    stays, none to remove it. Training and validation photos alone are changed."""
    skin: SkinConfig = field(default_factory=SkinConfig)
    transform: list[Step] = field(default_factory=lambda: ["Resize"])
    """What validation, test and prediction do to a photo: Resize, CenterCrop."""
    batch_size: int = 32
    num_workers: int | None = None
    """Processes that read photos; default: two fewer than there are cores, 8 at most."""
    cache: Literal["memory", "disk", "auto"] | None = None
    """Read each photo once and keep what precedes its first random step, which changes no result. memory: in memory;
    disk: on disk, where copies of the photos stay in the user's cache folder; auto: in memory if all fit, else on disk
    if they fit there; null: neither. A recipe that begins with Resize keeps small pictures, any other whole photos."""
    cache_size: str | None = None
    """Most space for these pictures, such as 8GB; on disk, those of all runs together. null: a quarter of the memory,
    or of the free disk space."""
    decoding: Literal["reduced"] | None = None
    """reduced: decode a training photo (JPEG) at a half, a quarter or an eighth of its size where a recipe's first
    step, Resize, makes it smaller still: several times as fast, and a pixel differs by 1 or 2 of 255 on average. null:
    at full size, as validation and test photos always are."""
    draws_per_epoch: int | None = None
    """Photos drawn per epoch; default: as many as there are graded training photos."""


@dataclass
class OptimizerConfig:
    """Steps with warm-up and cosine decay."""

    name: Literal["adamw", "adam", "sgd", "rmsprop"] = "adamw"
    """sgd has Nesterov momentum 0.9; only adamw decouples weight decay from the gradient."""
    lr: float = 1e-3
    weight_decay: float = 0.05
    warmup_epochs: float = 1.0
    head_lr_factor: float = 1.0
    """The heads' learning rate, as a multiple of lr."""
    layer_decay: float | None = None
    """Learning rate of each backbone layer as a share of the next layer's, such as 0.8; null: all have lr."""
    frozen_epochs: float | None = None
    """Epochs at the start in which only the heads and the backbone's batch-norm statistics learn; null: none."""
    fused: bool | None = None
    """Compute a step of adamw, adam or sgd in one kernel: faster, rounded differently; null: wherever possible."""


@dataclass
class TrainerConfig:
    """How long to train and on what; options of Lightning's Trainer have its names."""

    max_epochs: int = 15
    accelerator: Literal["auto", "cpu", "cuda"] = "auto"
    """auto: cuda where there is one."""
    devices: int = 1
    """GPUs, or processes on a CPU, per node; each gets data.batch_size photos per step."""
    num_nodes: int = 1
    """Machines, on each of which torchrun or SLURM starts the same command."""
    precision: Literal["auto", "32-true", "bf16-mixed", "16-mixed"] = "auto"
    """auto: bf16-mixed on a GPU that has it, else 32-true."""
    memory_budget: str | None = None
    """Refuse to start if a training step takes more memory than this, such as 15GB, and suggest what would fit."""
    compile: Literal["default", "reduce-overhead", "max-autotune"] | None = None
    """Compile the network with torch.compile in this mode: faster after minutes at the first steps, rounded
    differently; null: not at all."""
    accumulate_grad_batches: int = 1
    """Batches per step of the optimizer."""
    gradient_clip_val: float | None = 1.0
    ema_decay: float | None = 0.99
    """Decay per step of the exponential moving average of the weights; the average is what is validated, tested and
    used. null for none."""
    monitor: str = "val/mean/rps_balanced"
    """What decides which checkpoint is best and when to stop early: val/HEAD/METRIC or val/mean/METRIC."""
    every_n_train_steps: int | None = None
    """Write last.ckpt also after every this many steps, not only at the end of an epoch."""
    patience: int | None = 10
    """Epochs without improvement before training stops; null for never."""
    deterministic: bool = False
    """Identical results, bit for bit, each time on one machine, at the cost of speed."""
    progress: bool = True
    """Show a progress bar."""


@dataclass
class LogConfig:
    """Where curves go; a CSV file is always written to the run folder."""

    logger: list[Literal["wandb", "tensorboard", "mlflow"]] = field(default_factory=list)
    """Further loggers. wandb stays offline unless a key is set, and is sent only numbers and settings."""
    project: str = "multiskin"
    gradients: bool = False
    """Log per epoch whether heads agree: train/cosine/HEAD/HEAD, the cosine between their gradients in the first
    batches; below 0 they conflict. Each of these batches takes one more backward pass per head, past compiled code;
    unless trainer.compile is set, no weight changes."""


@dataclass
class FitConfig:
    """A training run."""

    schema: str = "schema.yaml"
    """The attributes, a YAML file."""
    out: str = "runs/latest"
    """The run folder."""
    ckpt_path: str | None = None
    """last: resume the run in `out` where it stopped, to the very weights it would have had; or a checkpoint of it."""
    seed: int = 0
    """Seed of weights, draws and augmentation."""
    offline: bool = False
    """Never access the network."""
    test: bool = True
    """Evaluate on the test photos after training; false while settings are still being chosen."""
    data: DataConfig = field(default_factory=DataConfig)
    model: ModelConfig = field(default_factory=ModelConfig)
    recipe: Recipe = field(default_factory=Recipe)
    heads: dict[str, dict[str, Any]] = field(default_factory=dict)
    """What differs from recipe, by attribute."""
    weighting: Literal["uncertainty", "random"] | None = None
    """Weight of a head's loss, times its loss_weight. Default: none, so that equal weights count equally. uncertainty:
    lower for a head that is hard to be sure of, by a log variance learned with it. random: drawn anew each step, a
    baseline for better weightings."""
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    trainer: TrainerConfig = field(default_factory=TrainerConfig)
    log: LogConfig = field(default_factory=LogConfig)


LOWEST: dict[str, float] = {
    "seed": 0,
    "data.batch_size": 1,
    "data.num_workers": 0,
    "data.draws_per_epoch": 1,
    "model.input_size": 1,
    "model.output_stride": 1,
    "optimizer.lr": 0,
    "optimizer.weight_decay": 0,
    "optimizer.warmup_epochs": 0,
    "optimizer.head_lr_factor": 0,
    "optimizer.layer_decay": 0,
    "optimizer.frozen_epochs": 0,
    "trainer.max_epochs": 1,
    "trainer.devices": 1,
    "trainer.num_nodes": 1,
    "trainer.accumulate_grad_batches": 1,
    "trainer.gradient_clip_val": 0,
    "trainer.ema_decay": 0,
    "trainer.every_n_train_steps": 1,
    "trainer.patience": 1,
}
SCALES = {"": 1, "K": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "KI": 2**10, "MI": 2**20, "GI": 2**30, "TI": 2**40}
BELOW: dict[str, float] = {"trainer.ema_decay": 1, "optimizer.layer_decay": 1, "seed": 2**32}


def check_values(config: FitConfig) -> None:
    """Refuses values that pass the type check but that no run can use.

    Raises:
        UserError: the first option without a value, or with a number out of its range.
    """
    _require_values(config)
    for option, lowest in LOWEST.items():
        value = attrgetter(option)(config)
        below = BELOW.get(option, math.inf)
        if value is not None and not lowest <= value < below:
            bound = "" if below == math.inf else f" and less than {below:g}"
            raise UserError(f"{option} is {value}; give a number of at least {lowest:g}{bound}")
    if config.data.cache_size is not None:
        parse_bytes(config.data.cache_size, "data.cache_size")


def _require_values(config: Any, where: str = "") -> None:
    """Refuses None where an option cannot be None: the parser lets YAML's null through for every option."""
    for option in fields(config):
        value = getattr(config, option.name)
        if is_dataclass(value):
            _require_values(value, f"{where}{option.name}.")
        elif value is None and NoneType not in get_args(option.type):
            raise UserError(f"{where}{option.name}: nothing given; give a value, or leave the option out")


def parse_bytes(text: str, option: str) -> float:
    """The number of bytes in a text such as 15GB or 14.5 GiB.

    Raises:
        UserError: the text is no amount of memory; the message names the option.
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([KMGT]?I?)B", text.strip().upper())
    if found is None or found[2] not in SCALES:
        raise UserError(f"{option}: {text!r} is not an amount of memory; give one such as 15GB or 14.5GiB")
    return float(found[1]) * SCALES[found[2]]


def head_recipes(config: FitConfig, names: Sequence[str]) -> list[Recipe]:
    """One recipe per head: the shared one with what config.heads changes for that attribute.

    Raises:
        UserError: an unknown attribute or option, or a value of the wrong kind.
    """
    known = [option.name for option in fields(Recipe)]
    for name, changes in config.heads.items():
        if name not in names:
            raise unknown("attribute", name, names, "heads")
        for option in changes:
            if option not in known:
                raise unknown("option", option, known, f"heads.{name}")
    recipes = [_recipe(asdict(config.recipe) | config.heads.get(name, {}), f"heads.{name}") for name in names]
    if not any(recipe.loss_weight for recipe in recipes):
        raise UserError("recipe.loss_weight: 0 for every head; give one of them a weight above 0")
    return recipes


def _recipe(values: dict[str, Any], where: str) -> Recipe:
    from jsonargparse import ArgumentError

    try:
        recipe = Recipe(**_recipe_parser().parse_object({"recipe": values}).recipe.as_dict())
    except ArgumentError as error:
        raise UserError(plain_message(str(error)).replace("recipe.", f"{where}.", 1)) from error
    _require_values(recipe, f"{where}.")
    if not 0 <= recipe.loss_weight < math.inf:
        raise UserError(f"{where}.loss_weight is {recipe.loss_weight}; give a number of at least 0")
    return recipe


@cache
def _recipe_parser() -> "ArgumentParser":
    """Checks values against the annotations above; building it takes longer than using it."""
    from jsonargparse import ArgumentParser

    parser = ArgumentParser(exit_on_error=False)
    parser.add_class_arguments(Recipe, "recipe")
    return parser
