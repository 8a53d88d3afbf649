"""The commands that benchmark: what they print, and what they name as the bottleneck."""

import re

import pytest

from multiskin.cli import main
from multiskin.cli.benching import bottleneck
from multiskin.data.stages import Stage

SMALL = {"model": {"backbone": "test_efficientnet", "weights": "none", "input_size": 32}}
FEW = ["--rounds", "2", "--steps", "1", "--photos", "3", "--data.batch_size", "4", "--trainer.accelerator", "cpu"]


def test_stages_are_measured_and_the_bottleneck_named(write_settings, tmp_path, capsys):
    config = write_settings(tmp_path, **SMALL)
    assert main(["bench", "data", "--config", str(config), *FEW, "--data.cache", "memory"]) == 0
    said = capsys.readouterr().out
    for stage in ("read", "decode", "RandomResizedCrop", "HorizontalFlip", "Normalize", "collate", "sampler"):
        assert re.search(rf"^  {stage} +\d+\.\d{{3}} +\d+ per second", said, re.MULTILINE)
    assert re.search(r"^  decode .* first epoch only, then cached$", said, re.MULTILINE)
    assert re.search(r"^loader, 0 workers: \d+ photos per second$", said, re.MULTILINE)
    assert re.search(r"^network, a training step on cpu: \d+ photos per second$", said, re.MULTILINE)
    assert "Training waits for" in said


def test_loops_are_measured_side_by_side(write_settings, tmp_path, capsys):
    config = write_settings(tmp_path, **SMALL)
    assert main(["bench", "train", "--config", str(config), *FEW]) == 0
    said = capsys.readouterr().out
    share = r"\d\.\d{3} of [a-z ]+ \(\d+\.\d{3} to \d+\.\d{3}\)"
    assert re.search(r"^bare loop, batches in memory +\d+ photos per second$", said, re.MULTILINE)
    assert re.search(rf"^fit, the same batches +\d+ photos per second, {share}$", said, re.MULTILINE)
    assert re.search(rf"^fit, photos, after the first epoch +\d+ photos per second, {share}$", said, re.MULTILINE)
    assert "cpu, 2 alternating rounds of 1 steps of 4 photos" in said


def test_an_unknown_bench_is_named(capsys):
    assert main(["bench", "trian"]) == 2
    assert "bench train" in capsys.readouterr().err


READ = [Stage("oil: read", 0.001, False), Stage("oil: decode", 0.1, False), Stage("oil: ISONoise", 0.002, False)]
KEPT = [Stage("decode", 0.1, True), Stage("ISONoise", 0.002, False)]


@pytest.mark.parametrize(
    ("stages", "loader", "network", "said"),
    [
        (READ, 100, 50, "waits for the network: photos are loaded 2.0 times as fast as it trains"),
        (READ, 50, 100, "waits for photos: the network trains 2.0 times as fast as they are loaded"),
        (READ, 50, 100, "The slowest stage is oil: decode, 100.00 ms per photo; with data.cache"),
        (KEPT, 50, 100, "The slowest stage is ISONoise, 2.00 ms per photo; raise data.num_workers"),
    ],
)
def test_the_bottleneck_is_the_slower_side(stages, loader, network, said):
    assert said in bottleneck(stages, loader, network)
