"""What it costs to grade all attributes by one shared model, and by a model for each, measured in one process.

The models for single attributes answer one after the other on one device and all stay in its memory, as they would in
an application. A photo is prepared and brought to the device once for either side, which no time here includes.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Literal, NamedTuple, TypeVar

import numpy as np
import pandas as pd
import torch
import yaml
from torch.utils.flop_counter import FlopCounterMode

from multiskin.compare.memory import weight_bytes, working_bytes
from multiskin.errors import UserError
from multiskin.inference.predictor import Predictor
from multiskin.models.checkpoint import REMEDY
from multiskin.run import ANEW, RunFolder
from multiskin.timing import medians_of_sides, ratio_of_sides, time_alternately

Device = Literal["cpu", "cuda"]
PARAMETERS = "parameters"
LATENCY = "latency of one photo"
PASSES = "image passes in training"
BATCH = 32  # photos at once, where there are many
BUDGET = 10.0  # seconds for all rounds of a timing
Model = TypeVar("Model", RunFolder, Predictor)


class Cost(NamedTuple):
    """One quantity on both sides.

    Attributes:
        quantity: what is measured.
        unit: of both sides.
        device: in words; empty where none was measured on.
        shared: the one model.
        singles: the models for single attributes, all together.
        ratio: how many times as much the singles cost: singles / shared, or shared / singles of a speed.
        low: of the ratio's 95 % interval; NaN where there is nothing random, or one measurement only.
        high: likewise.
        repeats: measurements of each model, whose medians are shown, summed over the singles.
        shared_least: over seeds, of what shared is the mean of; NaN where it is not, or there is one seed.
        shared_most: likewise.
        singles_least: likewise.
        singles_most: likewise.
    """

    quantity: str
    unit: str
    device: str
    shared: float
    singles: float
    ratio: float
    low: float = np.nan
    high: float = np.nan
    repeats: int = 1
    shared_least: float = np.nan
    shared_most: float = np.nan
    singles_least: float = np.nan
    singles_most: float = np.nan


def available_devices() -> list[Device]:
    """What a cost can be measured on here."""
    return ["cpu", "cuda"] if torch.cuda.is_available() else ["cpu"]


def measure_cost(
    shared: Sequence[RunFolder], singles: Sequence[Sequence[RunFolder]], devices: Sequence[Device]
) -> list[Cost]:
    """All costs of a shared model and of models for single attributes: of training over seeds, else of the first seed.

    Takes about a minute for five attributes, an EfficientNet-B0 and two cores.

    Args:
        shared: a run for each seed.
        singles: the runs for single attributes of each seed.
        devices: what to measure on.

    Raises:
        UserError: a run without its best checkpoint or its curves, or no such device.
    """
    first = shared[0], singles[0]
    costs = [*network_cost(*_loaded(*first, "cpu")), *training_cost(shared, singles), checkpoint_cost(*first)]
    for device in devices:
        costs += inference_cost(*_loaded(*first, device))
    return costs


def _loaded(shared: RunFolder, singles: Sequence[RunFolder], device: Device) -> tuple[Predictor, list[Predictor]]:
    one, *many = (network_of(run, device) for run in (shared, *singles))
    return one, many


def network_of(run: RunFolder, device: Device) -> Predictor:
    """The best one of a run, on a device that is there.

    Raises:
        UserError: its checkpoint is not there, or not readable.
    """
    try:
        return Predictor.from_checkpoint(run.best, device)
    except UserError as error:
        raise UserError(str(error).replace(REMEDY, ANEW)) from error


def network_cost(shared: Predictor, singles: Sequence[Predictor]) -> list[Cost]:
    """What follows from the networks alone: their numbers, and the work for one photo."""
    return [
        _summed(PARAMETERS, "", parameters, shared, singles),
        _summed("weights", "bytes", lambda predictor: weight_bytes(predictor.net), shared, singles),
        _summed("MACs of one photo", "", macs, shared, singles),
    ]


def training_cost(shared: Sequence[RunFolder], singles: Sequence[Sequence[RunFolder]]) -> list[Cost]:
    """What training took, as the runs of each seed have it on record."""
    return [
        _over_seeds(PASSES, "", image_passes, shared, singles),
        _over_seeds("time to train", "s", training_seconds, shared, singles),
    ]


def checkpoint_cost(shared: RunFolder, singles: Sequence[RunFolder]) -> Cost:
    return _summed("checkpoint", "bytes", lambda run: run.best.stat().st_size, shared, singles)


def _summed(quantity: str, unit: str, count: Callable[[Model], float], shared: Model, singles: Sequence[Model]) -> Cost:
    one, many = count(shared), sum(count(single) for single in singles)
    return Cost(quantity, unit, "", one, many, many / one)


def _over_seeds(
    quantity: str,
    unit: str,
    count: Callable[[RunFolder], float],
    shared: Sequence[RunFolder],
    singles: Sequence[Sequence[RunFolder]],
) -> Cost:
    """The mean over seeds, with the least and the most where there are several."""
    one, many = [count(run) for run in shared], [sum(map(count, runs)) for runs in singles]
    cost = Cost(quantity, unit, "", float(np.mean(one)), float(np.mean(many)), sum(many) / sum(one))
    if len(shared) == 1:
        return cost
    return cost._replace(shared_least=min(one), shared_most=max(one), singles_least=min(many), singles_most=max(many))


def parameters(predictor: Predictor) -> int:
    return sum(parameter.numel() for parameter in predictor.net.parameters())


def macs(predictor: Predictor) -> int:
    """Multiplications with addition that one photo takes: of convolutions and matrix products, as is the custom."""
    with FlopCounterMode(display=False) as counter:
        predictor.predict(_photos(predictor, 1))
    return counter.get_total_flops() // 2


def image_passes(run: RunFolder) -> int:
    """Photos that a run has drawn and taken through its network; those of validation are not counted."""
    settings = yaml.safe_load(run.config.read_text(encoding="utf-8"))
    return settings["data"]["draws_per_epoch"] * len(_epoch_seconds(run))


def training_seconds(run: RunFolder) -> float:
    """The seconds of a run's epochs, with validation and saving, on the clock: the longer, the more was at work."""
    return float(_epoch_seconds(run).sum())


def _epoch_seconds(run: RunFolder) -> pd.Series:
    """Of every epoch; nothing but another training has them again.

    Raises:
        UserError: the run's curves are not there, or not what was written there.
    """
    try:
        seconds = pd.to_numeric(pd.read_csv(run.curves)["train/seconds"].dropna())
    except (OSError, ValueError, KeyError) as error:
        raise UserError(f"{run.curves}: no longer says what training took; {ANEW}") from error
    if seconds.empty:
        raise UserError(f"{run.curves}: no longer says what training took; {ANEW}")
    return seconds


def inference_cost(shared: Predictor, singles: Sequence[Predictor]) -> list[Cost]:
    """What the probabilities of all attributes cost on the device that all the predictors are on."""
    device = _in_words(shared.device)
    one, many = (_seconds([shared, *singles], photos) for photos in (1, BATCH))
    memory = _peak_bytes([shared]), _peak_bytes(singles)  # last, when libraries have set up what they keep
    return [
        _timed(LATENCY, "ms", device, one, 1000 * medians_of_sides(one)),
        _timed(f"throughput in batches of {BATCH}", "photos/s", device, many, BATCH / medians_of_sides(many)),
        Cost(f"peak memory with {BATCH} photos", "bytes", device, *memory, ratio=memory[1] / memory[0]),
    ]


def _seconds(predictors: Sequence[Predictor], photos: int) -> np.ndarray:
    """The seconds (R, 1 + H) of predictions by turns; each is done when it has come back from the device."""
    return time_alternately([partial(each.predict, _photos(each, photos)) for each in predictors], BUDGET)


def _photos(predictor: Predictor, number: int) -> torch.Tensor:
    """Noise of the size and scale of prepared photos (number, 3, S, S), on the device."""
    size = predictor.preprocessing.input_size
    return torch.randn(number, 3, size, size, generator=torch.Generator().manual_seed(0)).to(predictor.device)


def _timed(quantity: str, unit: str, device: str, seconds: np.ndarray, shown: np.ndarray) -> Cost:
    """A cost from seconds (R, 1 + H), shown as two numbers of some unit."""
    ratio, low, high = ratio_of_sides(seconds)
    return Cost(quantity, unit, device, float(shown[0]), float(shown[1]), ratio, low, high, len(seconds))


def _peak_bytes(predictors: Sequence[Predictor]) -> int:
    """All weights, and the most that one network at work takes beside them and the photos."""
    weights = sum(weight_bytes(predictor.net) for predictor in predictors)
    return weights + max(working_bytes(predictor, _photos(predictor, BATCH)) for predictor in predictors)


def _in_words(device: torch.device) -> str:
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"CPU ({torch.backends.cpu.get_cpu_capability()}, threads: {torch.get_num_threads()})"
