"""The cost of grading all attributes with one shared model versus one model each, measured in a single process.

The single-attribute models predict one after the other on one device and all stay in its memory, as they would in an
application. Either side would preprocess a photo and move it to the device once, so no time here includes that.
"""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeVar

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
BATCH = 32  # photos, for throughput and memory
BUDGET = 10.0  # seconds for all rounds of a timing
Model = TypeVar("Model", RunFolder, Predictor)


class Cost(NamedTuple):
    """One quantity for both sides.

    Attributes:
        quantity: what is measured.
        unit: of both sides.
        device: its name; "" if the quantity does not depend on one.
        shared: the value of the shared model.
        singles: the value of all single-attribute models together.
        ratio: how many times as much the singles cost: singles / shared, or shared / singles for a speed.
        low: lower limit of the ratio's 95 % interval; NaN if the quantity is not random or was measured once.
        high: upper limit, likewise.
        repeats: measurements of each model; medians are reported, and summed over the singles.
        shared_least: the minimum over seeds if shared is a mean over several seeds, else NaN.
        shared_most: the maximum, likewise.
        singles_least: the minimum for the singles, likewise.
        singles_most: the maximum for the singles, likewise.
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
    """The devices of this machine that costs can be measured on."""
    return ["cpu", "cuda"] if torch.cuda.is_available() else ["cpu"]


def measure_cost(
    shared: Sequence[RunFolder], singles: Sequence[Sequence[RunFolder]], devices: Sequence[Device]
) -> list[Cost]:
    """All costs of a shared model and of single-attribute models: training over all seeds, the rest for the first one.

    Takes about a minute for five attributes and an EfficientNet-B0 on two cores.

    Args:
        shared: a run for each seed.
        singles: the single-attribute runs of each seed.
        devices: what to measure on.

    Raises:
        UserError: the best checkpoint or the curves of a run are missing or unreadable, or there is no such device.
    """
    first = shared[0], singles[0]
    costs = [*network_cost(*_loaded(*first, "cpu")), *training_cost(shared, singles), checkpoint_cost(*first)]
    for device in devices:
        costs += inference_cost(*_loaded(*first, device))
    return costs


def _loaded(shared: RunFolder, singles: Sequence[RunFolder], device: Device) -> tuple[Predictor, list[Predictor]]:
    one, *many = (load_network(run, device) for run in (shared, *singles))
    return one, many


def load_network(run: RunFolder, device: Device) -> Predictor:
    """The best model of a run.

    Raises:
        UserError: its checkpoint is missing or unreadable, or there is no such device.
    """
    try:
        return Predictor.from_checkpoint(run.best, device)
    except UserError as error:
        raise UserError(str(error).replace(REMEDY, ANEW)) from error


def network_cost(shared: Predictor, singles: Sequence[Predictor]) -> list[Cost]:
    """The costs that depend on the networks alone: parameters, weights, and the operations for one photo."""
    return [
        _summed(PARAMETERS, "", parameters, shared, singles),
        _summed("weights", "bytes", lambda predictor: weight_bytes(predictor.net), shared, singles),
        _summed("MACs of one photo", "", macs, shared, singles),
    ]


def training_cost(shared: Sequence[RunFolder], singles: Sequence[Sequence[RunFolder]]) -> list[Cost]:
    """What training took, as recorded by the runs of each seed, including the training of their teachers."""
    return [
        _over_seeds(PASSES, "", partial(_with_teachers, image_passes), shared, singles),
        _over_seeds("time to train", "s", partial(_with_teachers, training_seconds), shared, singles),
    ]


def _with_teachers(count: Callable[[RunFolder], float], run: RunFolder) -> float:
    """What training a run took, and before it that of the runs it learned from."""
    distillation = _settings(run).get("distillation") or {"teachers": []}  # earlier runs have no such setting
    return count(run) + sum(count(RunFolder(Path(teacher))) for teacher in distillation["teachers"])


def _settings(run: RunFolder) -> dict[str, Any]:
    return dict(yaml.safe_load(run.config.read_text(encoding="utf-8")))


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
    """The mean over seeds, with the minimum and the maximum if there are several."""
    one, many = [count(run) for run in shared], [sum(map(count, runs)) for runs in singles]
    cost = Cost(quantity, unit, "", float(np.mean(one)), float(np.mean(many)), sum(many) / sum(one))
    if len(shared) == 1:
        return cost
    return cost._replace(shared_least=min(one), shared_most=max(one), singles_least=min(many), singles_most=max(many))


def parameters(predictor: Predictor) -> int:
    return sum(parameter.numel() for parameter in predictor.net.parameters())


def macs(predictor: Predictor) -> int:
    """Multiply-accumulate operations for one photo, counting convolutions and matrix products only, as is usual."""
    with FlopCounterMode(display=False) as counter:
        predictor.predict(_photos(predictor, 1))
    return counter.get_total_flops() // 2


def image_passes(run: RunFolder) -> int:
    """How many images a run has passed through its network in training, without validation."""
    draws: int = _settings(run)["data"]["draws_per_epoch"]
    return draws * len(_epoch_seconds(run))


def training_seconds(run: RunFolder) -> float:
    """The wall-clock seconds of a run's epochs, with validation and saving; longer if other jobs ran in parallel."""
    return float(_epoch_seconds(run).sum())


def _epoch_seconds(run: RunFolder) -> pd.Series:
    """The seconds of every epoch.

    Raises:
        UserError: the run's curves are missing or damaged.
    """
    try:
        seconds = pd.to_numeric(pd.read_csv(run.curves)["train/seconds"].dropna())
    except (OSError, ValueError, KeyError) as error:
        raise UserError(f"{run.curves}: missing or without training times; {ANEW}") from error
    if seconds.empty:
        raise UserError(f"{run.curves}: missing or without training times; {ANEW}")
    return seconds


def inference_cost(shared: Predictor, singles: Sequence[Predictor]) -> list[Cost]:
    """The cost of predicting all attributes, on the device that holds all predictors."""
    device = _device_name(shared.device)
    one, many = (_seconds([shared, *singles], photos) for photos in (1, BATCH))
    memory = _peak_bytes([shared]), _peak_bytes(singles)  # last, when libraries have allocated their own buffers
    return [
        _timed(LATENCY, "ms", device, one, 1000 * medians_of_sides(one)),
        _timed(f"throughput in batches of {BATCH}", "photos/s", device, many, BATCH / medians_of_sides(many)),
        Cost(f"peak memory with {BATCH} photos", "bytes", device, *memory, ratio=memory[1] / memory[0]),
    ]


def _seconds(predictors: Sequence[Predictor], photos: int) -> np.ndarray:
    """The seconds (R, 1 + H) of interleaved predictions, each until its result is back from the device."""
    return time_alternately([partial(each.predict, _photos(each, photos)) for each in predictors], BUDGET)


def _photos(predictor: Predictor, number: int) -> torch.Tensor:
    """Noise of the size and scale of preprocessed photos (number, 3, S, S), on the predictor's device."""
    size = predictor.preprocessing.input_size
    return torch.randn(number, 3, size, size, generator=torch.Generator().manual_seed(0)).to(predictor.device)


def _timed(quantity: str, unit: str, device: str, seconds: np.ndarray, shown: np.ndarray) -> Cost:
    """A cost measured as seconds (R, 1 + H), reported as the two values shown, in the given unit."""
    ratio, low, high = ratio_of_sides(seconds)
    return Cost(quantity, unit, device, float(shown[0]), float(shown[1]), ratio, low, high, len(seconds))


def _peak_bytes(predictors: Sequence[Predictor]) -> int:
    """The weights of all networks, plus the largest working memory that any one of them needs."""
    weights = sum(weight_bytes(predictor.net) for predictor in predictors)
    return weights + max(working_bytes(predictor, _photos(predictor, BATCH)) for predictor in predictors)


def _device_name(device: torch.device) -> str:
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"CPU ({torch.backends.cpu.get_cpu_capability()}, threads: {torch.get_num_threads()})"
