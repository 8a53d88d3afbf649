"""The commands that benchmark data loading and training on this machine with given settings."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from multiskin.cli.parsers import summary
from multiskin.cli.photos import checked_photos, with_photos_drawn
from multiskin.cli.settings import parse

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser, Namespace

    from multiskin.config import FitConfig
    from multiskin.data.photos import Photos
    from multiskin.data.stages import Stage


def bench_data(arguments: list[str]) -> None:
    """Measure the speed of each stage of data loading, and name the bottleneck of training."""
    config, photos, options = _prepare("multiskin bench data", summary(bench_data), arguments)
    import numpy as np

    from multiskin.data.stages import photo_stages, photos_a_second
    from multiskin.timing import time_rounds
    from multiskin.training.throughput import create_loops

    loops = create_loops(config, photos, options.steps)
    loops.data.setup("fit")
    rows = np.linspace(0, len(photos.side("train")) - 1, options.photos).round().astype(int)
    stages = photo_stages(loops.data, rows.tolist())
    _print_stages(stages)
    loader = photos_a_second(loops.data)
    network = 1 / float(np.median(time_rounds([loops.fit], range(options.rounds))))
    print(f"\nloader, {loops.data.train_dataloader().num_workers} workers: {loader:.0f} photos per second")
    print(f"network, a training step on {loops.device}: {network:.0f} photos per second")
    print(bottleneck(stages, loader, network))


def bench_train(arguments: list[str]) -> None:
    """Compare the speed of 'fit' with that of a bare training loop, on batches in memory and on photos."""
    config, photos, options = _prepare("multiskin bench train", summary(bench_train), arguments)
    import numpy as np

    from multiskin.timing import ratio_of_speeds, time_rounds
    from multiskin.training.throughput import create_loops

    loops = create_loops(config, photos, options.steps)
    seconds = time_rounds([loops.bare, loops.fit, loops.loading], range(options.rounds))  # (R, 3)
    bare, fit, loading = 1 / np.median(seconds, axis=0)
    preloaded, photographs = ratio_of_speeds(seconds[:, :2]), ratio_of_speeds(seconds[:, 1:])
    print(f"{'bare loop, batches in memory':<34}{bare:8.0f} photos per second")
    print(f"{'fit, the same batches':<34}{fit:8.0f} photos per second{_ratio(preloaded, 'of the bare loop')}")
    print(f"{'fit, photos, after the first epoch':<34}{loading:8.0f} photos per second{_ratio(photographs, 'of that')}")
    print(
        f"{loops.device}, {options.rounds} alternating rounds of {options.steps} steps of {config.data.batch_size} "
        "photos"
    )


def _prepare(name: str, description: str, arguments: list[str]) -> tuple["FitConfig", "Photos", "Namespace"]:
    config, schema, options = parse(name, description, arguments, _add_options)
    config = with_photos_drawn(replace(config, trainer=replace(config.trainer, progress=False)))
    return config, checked_photos(config, schema), options


def _add_options(parser: "ArgumentParser") -> None:
    from jsonargparse.typing import PositiveInt

    parser.add_argument("--rounds", type=PositiveInt, default=5, help="rounds of each loop")
    parser.add_argument("--steps", type=PositiveInt, default=20, help="steps per round, after three warm-up steps")
    parser.add_argument("--photos", type=PositiveInt, default=32, help="photos to time the stages on")


def _print_stages(stages: Sequence["Stage"]) -> None:
    print("milliseconds per photo, in one process:")
    for stage in stages:
        cached = "  first epoch only, then cached" if stage.once else ""
        print(f"  {stage.name:<36}{1000 * stage.seconds:9.3f}{1 / stage.seconds:12.0f} per second{cached}")


def _ratio(ratio: "Sequence[float]", of: str) -> str:
    value, low, high = ratio
    return f", {value:.3f} {of} ({low:.3f} to {high:.3f})"


def bottleneck(stages: Sequence["Stage"], loader: float, network: float) -> str:
    """The bottleneck of training in a sentence or two, from the photos per second of the loader and the network."""
    if network <= loader:
        return f"Training waits for the network: photos are loaded {loader / network:.1f} times as fast as it trains."
    slowest = max((stage for stage in stages if not stage.once), key=lambda stage: stage.seconds)
    cacheable = [stage for stage in stages if stage.name.endswith(("read", "decode")) and not stage.once]
    remedy = (
        "with data.cache, photos are read and decoded in the first epoch only"
        if slowest in cacheable
        else "raise data.num_workers if cores are idle, or remove the step from the recipe"
    )
    return (
        f"Training waits for photos: the network trains {network / loader:.1f} times as fast as they are loaded. The "
        f"slowest stage is {slowest.name}, {1000 * slowest.seconds:.2f} ms per photo; {remedy}."
    )
