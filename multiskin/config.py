"""The settings of a training run with their defaults; command-line options and their help come from these classes."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, is_dataclass, replace
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
    """How one head is trained and decides."""

    loss: str = "cross_entropy"
    """cross_entropy, label_smoothing, focal, class_balanced_cross_entropy, class_balanced_focal, balanced_softmax,
    logit_adjustment or ldam; for ordered grades also masked_label_smoothing, sord, binomial_labels, beta_labels,
    triangular_labels, squared_emd, cdw_ce, expected_credit, coral, corn or cumulative_link."""
    loss_options: dict[str, float] = field(default_factory=dict)
    """Options of the loss, such as {gamma: 2.0}."""
    loss_weight: float = 1.0
    """Weight of this head in the sum of the losses."""
    resample: str | list[float] = "natural"
    """Distribution of grades to train this head on: natural, balanced, square_root, effective_number, or a list with
    the share of each grade."""
    share: float = 1.0
    """Share of the training photos that are drawn for this head, relative to the other heads' shares."""
    augment: list[Step] = field(default_factory=lambda: ["RandomResizedCrop", "HorizontalFlip"])
    """Transforms of the photos drawn for this head, by name, in order; training only."""
    dropout: float = 0.2
    """Dropout rate before the head's last linear layer."""
    hidden: int | None = None
    """Units of an extra hidden layer before the head's last layer; null: no such layer."""
    stride: int | None = None
    """Stride (input pixels per map pixel) of an earlier stage of the backbone, such as 16 or 8, that the head reads in
    addition to the final map; null: the final map alone."""
    decision: Literal["argmax", "median", "expectation", "credit"] = "credit"
    """How a grade is decided from the probabilities: credit maximizes the expected credit, by default that of P-Recall;
    expectation is the expected grade, rounded. Nominal grades are always decided by argmax."""
    credit: list[list[float]] | None = None
    """Credit matrix for decision credit, K lists of K numbers: number j of list i is the credit for deciding grade j if
    the true grade is i; default: that of P-Recall."""
    calibration: Literal["temperature", "bias_corrected", "vector", "cumulative"] | None = None
    """Calibrate the probabilities on the validation photos after training, with a correction for resampling.
    temperature: one factor; bias_corrected: also an offset for each grade; vector: a factor and an offset for each
    grade; cumulative: bias_corrected and, for ordered grades, a factor and an offset for each cut between them; null:
    no calibration. A loss that itself weights grades needs more than temperature."""


@dataclass
class ModelConfig:
    """The network."""

    backbone: str = "efficientnet_b0"
    """Name of any timm backbone."""
    weights: str = "auto"
    """auto (timm's pretrained weights, downloaded once), none, or a local .safetensors or .pth file."""
    input_size: int = 224
    """Height and width of the network's input, in pixels."""
    output_stride: int | None = None
    """Input pixels per pixel of the final map; a smaller stride gives finer maps and takes more time."""
    dilation: bool = True
    """Dilate the kernels after the stage where output_stride is reached, as pretrained weights need; false is faster,
    for random weights."""
    gradient_checkpointing: bool = False
    """Train with less memory in about a third more time: activations within blocks are recomputed, not stored."""


@dataclass
class Columns:
    """The roles of the table's columns; attributes are found by their headings."""

    image: str = "image"
    """Path of the photo, relative to data.root."""
    box: list[str] | None = None
    """Four columns, x0, y0, x1 and y1: the corners, in pixels, of the part of the photo that a row refers to."""
    split: str | None = None
    """train, val, test or calibrate; without this column, a split is made."""
    subject: str | None = None
    """The person in the photo; no person is on two sides of the split."""
    part: str | None = None
    """Part of the face or body; kept in the tables of predictions."""
    groups: list[str] = field(default_factory=list)
    """Sex, age, skin tone and the like; kept in the tables of predictions."""
    second_rater: str | None = None
    """Columns of a second rater's grades, with {} for an attribute's own heading, such as '{} (2)'; the second rater's
    agreement with the first is shown next to the model's results."""
    ignore: list[str] = field(default_factory=list)
    """Columns to ignore; any other unknown column is an error."""


@dataclass
class SplitConfig:
    """How to split the photos if the table has no split."""

    ratios: list[float] = field(default_factory=lambda: [0.7, 0.2, 0.1])
    """Shares of train, val and test; an optional fourth share, calibrate, is for 'multiskin conform' only."""
    seed: int = 0
    """Random seed; another number makes another split."""


@dataclass
class RenderConfig:
    """A set of drawn photos."""

    persons: list[int] = field(default_factory=lambda: [840, 80, 150])
    """Number of persons for training, validation and test; five photos each."""
    size: int = 160
    """Height and width, in pixels."""
    seed: int = 0
    """Random seed; another number draws other persons."""


@dataclass
class SkinConfig:
    """What is done to every photo first, in training and in prediction."""

    crop: bool = False
    """Crop photos to the largest face, upright; a photo without a face is used whole."""
    only: bool = False
    """Make everything grey that is not skin or lips: hair, eyes, clothes, background."""
    detector: str | None = None
    """Face detector: the path of a YuNet .onnx file; default: MTCNN, which is included."""


@dataclass
class DataConfig:
    """The photographs and their grades."""

    root: str = "data"
    """The folder that the table's paths are relative to."""
    manifest: str = "labels.csv"
    """The table, CSV or Parquet, relative to root."""
    render: RenderConfig | None = None
    """Draw the photos instead of reading root, such as {persons: [60, 20, 20], size: 64, seed: 0}: the persons for
    training, validation and test, with five photos each, and the photos' height in pixels. They are drawn once and kept
    in a cache."""
    faces: str | None = None
    """A folder of face photographs to draw on, with faces.csv and landmarks.json; default: faces are drawn, too."""
    columns: Columns = field(default_factory=Columns)
    split: SplitConfig = field(default_factory=SplitConfig)
    on_bad_row: Literal["error", "skip"] = "error"
    """Stop at bad rows with a report, or leave them out and list them in the run folder."""
    exclude: str | None = None
    """Grades to leave out of training and validation: a table with columns image and attribute (blank: all grades of
    the photo). If it has a column exclude, like the suspects.csv of 'multiskin suspects', only its rows with yes count.
    Test photos keep their grades."""
    relabel: str | None = None
    """Corrected grades for training and validation: a table with a column image and one per attribute, blank to keep
    the grade, none to remove it. Test photos keep their grades."""
    skin: SkinConfig = field(default_factory=SkinConfig)
    transform: list[Step] = field(default_factory=lambda: ["Resize"])
    """Transforms of photos in validation, test and prediction: Resize, CenterCrop."""
    batch_size: int = 32
    """Photos per training step, on each GPU or process."""
    num_workers: int | None = None
    """Processes that read photos; default: two fewer than there are cores, 8 at most."""
    cache: Literal["memory", "disk", "auto"] | None = None
    """Read each photo once and keep the result of the steps before the first random one; results do not change.
    memory: in memory; disk: on disk, where copies of the photos stay in the user's cache folder; auto: in memory if
    all fit, else on disk if they fit there; null: no cache. A recipe that begins with Resize keeps small pictures, any
    other whole photos."""
    cache_size: str | None = None
    """Maximum size of the cache, such as 8GB; on disk, of all runs together. null: a quarter of the memory, or of the
    free disk space."""
    decoding: Literal["reduced"] | None = None
    """reduced: decode JPEG training photos at 1/2, 1/4 or 1/8 of their size if the recipe begins with a Resize to less
    than that: several times as fast, and a pixel differs by 1 or 2 of 255 on average. null: decode at full size, which
    validation and test photos always are."""
    draws_per_epoch: int | None = None
    """Photos drawn per epoch; default: the number of graded training photos."""


@dataclass
class DistillationConfig:
    """Knowledge distillation: the models to learn from."""

    teachers: list[str] = field(default_factory=list)
    """Runs or checkpoints whose probabilities the heads learn, too, on photos with and without a grade; each teaches
    the attributes that it grades, which need the same grades, loss, loss_options and resample. Several teachers of an
    attribute are averaged."""
    weight: float = 1.0
    """Weight of the loss on the teachers' probabilities, relative to the loss on the grades."""


@dataclass
class OptimizerConfig:
    """The optimizer, and a learning rate with warm-up and cosine decay."""

    name: Literal["adamw", "adam", "sgd", "rmsprop"] = "adamw"
    """sgd has Nesterov momentum 0.9; only adamw decouples weight decay from the gradient."""
    lr: float = 1e-3
    """The highest learning rate, reached after the warm-up."""
    weight_decay: float = 0.05
    """How strongly weights are pulled towards 0; 0: not at all."""
    warmup_epochs: float = 1.0
    """Epochs at the start in which the learning rate rises; 0: none."""
    head_lr_factor: float = 1.0
    """The heads' learning rate, as a multiple of lr."""
    layer_decay: float | None = None
    """Learning rate of each backbone layer as a share of the next layer's, such as 0.8; null: lr for all layers."""
    frozen_epochs: float | None = None
    """Epochs at the start in which the backbone's weights are frozen, but not its batch-norm statistics; null: none."""
    fused: bool | None = None
    """Use fused kernels for adamw, adam or sgd: faster, rounded differently; null: wherever possible."""


@dataclass
class TrainerConfig:
    """How long to train and on what; options of Lightning's Trainer have the same names here."""

    max_epochs: int = 15
    """The number of epochs, unless patience stops training earlier."""
    accelerator: Literal["auto", "cpu", "cuda"] = "auto"
    """auto: cuda if available."""
    devices: int = 1
    """GPUs, or processes on a CPU, per node; each gets data.batch_size photos per step."""
    num_nodes: int = 1
    """Number of machines; torchrun or SLURM starts the same command on each."""
    precision: Literal["auto", "32-true", "bf16-mixed", "16-mixed"] = "auto"
    """auto: bf16-mixed on a GPU that supports it, else 32-true."""
    memory_budget: str | None = None
    """Refuse to start if a training step takes more memory than this, such as 15GB, and suggest what would fit."""
    compile: Literal["default", "reduce-overhead", "max-autotune"] | None = None
    """Compile the network with torch.compile in this mode: the first steps take minutes, later ones are faster and
    rounded differently; null: do not compile."""
    accumulate_grad_batches: int = 1
    """Batches per step of the optimizer."""
    gradient_clip_val: float | None = 1.0
    """Scale gradients down to this norm if theirs is larger; null: never."""
    ema_decay: float | None = 0.99
    """Decay per step of the exponential moving average of the weights, which is validated, tested and used in place of
    the weights; null: no average."""
    monitor: str = "val/mean/rps_balanced"
    """The metric for choosing the best checkpoint and for early stopping: val/HEAD/METRIC or val/mean/METRIC."""
    every_n_train_steps: int | None = None
    """Save last.ckpt every so many steps, too, not only at the end of each epoch."""
    patience: int | None = 10
    """Epochs without improvement before training stops early; null: never."""
    deterministic: bool = False
    """Make runs on the same machine bitwise reproducible, at the cost of speed."""
    progress: bool = True
    """Show a progress bar."""


@dataclass
class LogConfig:
    """Logging; a CSV file is always written to the run folder."""

    logger: list[Literal["wandb", "tensorboard", "mlflow"]] = field(default_factory=list)
    """Additional loggers. wandb stays offline unless a key is set, and is sent only numbers and settings."""
    project: str = "multiskin"
    """The wandb project, or mlflow experiment, that the run is added to."""
    gradients: bool = False
    """Log per epoch how far heads agree: train/cosine/HEAD/HEAD, the cosine between the gradients of two heads in the
    first batches; they conflict if it is below 0. Each of these batches takes one more backward pass per head, without
    compiled code; unless trainer.compile is set, the weights are the same."""


@dataclass
class FitConfig:
    """A training run."""

    schema: str = "schema.yaml"
    """YAML file of the attributes."""
    out: str = "runs/latest"
    """The run folder. Without --out on the command line, compare, suspects, sweep and 'data stats' write to a folder of
    their own beside it, such as runs/latest-compare."""
    ckpt_path: str | None = None
    """last: resume the run in `out` where it stopped, with the same weights in the end as without a stop; or the path
    of a checkpoint of that run."""
    seed: int = 0
    """Random seed of initial weights, sampling and augmentation."""
    offline: bool = False
    """Never access the network."""
    test: bool = True
    """Evaluate on the test photos after training; use false while you are still choosing settings."""
    data: DataConfig = field(default_factory=DataConfig)
    model: ModelConfig = field(default_factory=ModelConfig)
    recipe: Recipe = field(default_factory=Recipe)
    heads: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Options that differ from recipe, by attribute."""
    weighting: Literal["uncertainty", "random"] | None = None
    """How the heads' losses are weighted, in addition to loss_weight; default: equally. uncertainty: lower for heads
    with more uncertainty, by a learned log variance; random: new random weights at each step, a baseline for other
    weightings."""
    distillation: DistillationConfig | None = None
    """Learn from trained models as well; null: from grades only."""
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
    """Checks for missing values and for numbers out of range, which the parser's type check lets through.

    Raises:
        UserError: the first option without a value, or with a number out of range.
    """
    require_values(config)
    for option, lowest in LOWEST.items():
        value = attrgetter(option)(config)
        below = BELOW.get(option, math.inf)
        if value is not None and not lowest <= value < below:
            bound = "" if below == math.inf else f" and less than {below:g}"
            raise UserError(f"{option} is {value}; give a number of at least {lowest:g}{bound}")
    if config.data.cache_size is not None:
        parse_bytes(config.data.cache_size, "data.cache_size")


def require_values(config: Any, where: str = "") -> None:
    """Refuses None for options that cannot be None: the parser accepts YAML's null for every option.

    Raises:
        UserError: the first option without a value.
    """
    for option in fields(config):
        value = getattr(config, option.name)
        if is_dataclass(value):
            require_values(value, f"{where}{option.name}.")
        elif value is None and NoneType not in get_args(option.type):
            raise UserError(f"{where}{option.name}: no value; give one, or leave the option out")


def parse_bytes(text: str, option: str) -> float:
    """Parses an amount of memory such as 15GB or 14.5 GiB to bytes.

    Raises:
        UserError: the text is not an amount of memory; the message names the option.
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([KMGT]?I?)B", text.strip().upper())
    if found is None or found[2] not in SCALES:
        raise UserError(f"{option}: {text!r} is not an amount of memory; give one such as 15GB or 14.5GiB")
    return float(found[1]) * SCALES[found[2]]


def with_options(config: FitConfig, values: Mapping[str, Any]) -> FitConfig:
    """The settings with some options changed, by their dotted names."""
    for option, value in values.items():
        config = _changed(config, option.split("."), value)
    return config


def _changed(settings: Any, names: Sequence[str], value: Any) -> Any:
    if not names:
        return value
    first, *rest = names
    if isinstance(settings, dict):
        return settings | {first: _changed(settings.get(first) or {}, rest, value)}
    return replace(settings, **{first: _changed(getattr(settings, first), rest, value)})


def head_recipes(config: FitConfig, names: Sequence[str]) -> list[Recipe]:
    """One recipe per head: the shared one, updated with config.heads for that attribute.

    Raises:
        UserError: an unknown attribute or option, or a value of the wrong type.
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
        raise UserError("recipe.loss_weight: 0 for every head; give at least one head a weight above 0")
    return recipes


def _recipe(values: dict[str, Any], where: str) -> Recipe:
    from jsonargparse import ArgumentError

    try:
        recipe = Recipe(**_recipe_parser().parse_object({"recipe": values}).recipe.as_dict())
    except ArgumentError as error:
        raise UserError(plain_message(str(error)).replace("recipe.", f"{where}.", 1)) from error
    require_values(recipe, f"{where}.")
    if not 0 <= recipe.loss_weight < math.inf:
        raise UserError(f"{where}.loss_weight is {recipe.loss_weight}; give a number of at least 0")
    return recipe


@cache
def _recipe_parser() -> "ArgumentParser":
    """A parser that checks values against Recipe's annotations, cached since building it takes longer than using it."""
    from jsonargparse import ArgumentParser

    parser = ArgumentParser(exit_on_error=False)
    parser.add_class_arguments(Recipe, "recipe")
    return parser
