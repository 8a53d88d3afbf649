"""Costs of networks small enough to count by hand, and of real runs."""

from functools import partial

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from multiskin.compare import cost
from multiskin.compare.cost import (
    available_devices,
    inference_cost,
    macs,
    measure_cost,
    network_cost,
    parameters,
    training_cost,
)
from multiskin.compare.memory import weight_bytes
from multiskin.config import Columns, DataConfig, FitConfig, ModelConfig, Recipe, TrainerConfig
from multiskin.data.photos import load_photos
from multiskin.data.transforms import Preprocessing
from multiskin.errors import UserError
from multiskin.inference.predictor import Predictor
from multiskin.models.backbone import create_backbone
from multiskin.models.skinnet import SkinNet
from multiskin.run import RunFolder
from multiskin.schema import Attribute, Schema
from multiskin.timing import time_alternately
from multiskin.training.fit import fit

SIZE = 8  # pixels
CHANNELS = 16
A, B, C = Attribute("a", 5), Attribute("b", 3), Attribute("c", 4, "nominal")


class TinyBackbone(nn.Module):
    """One convolution, pooled."""

    num_features = CHANNELS

    def __init__(self):
        super().__init__()
        self.convolution = nn.Conv2d(3, CHANNELS, 5, padding=2, bias=False)

    def forward(self, images):
        maps = self.convolution(images)
        return maps, maps.mean(dim=(2, 3))


def predictor_of(*attributes, backbone=None, size=SIZE):
    counts = [[1] * attribute.grades for attribute in attributes]
    net = SkinNet(backbone or TinyBackbone(), Schema(attributes), [Recipe()] * len(attributes), counts).eval()
    return Predictor(net, Preprocessing(size, (0.5,) * 3, (0.5,) * 3), torch.device("cpu"))


BODY = 3 * CHANNELS * 5 * 5  # weights


def head_weights(*attributes):
    return sum(attribute.grades * (CHANNELS + 1) for attribute in attributes)


def head_macs(*attributes):
    """The MACs of the last layer, and of the credit matrix product that decides ordered grades."""
    return sum(a.grades * CHANNELS + (a.grades**2 if a.ordinal else 0) for a in attributes)


@pytest.mark.parametrize("attributes", [(A,), (C,), (A, B, C)])
def test_parameters_and_macs_are_those_counted_by_hand(attributes):
    predictor = predictor_of(*attributes)
    assert parameters(predictor) == BODY + head_weights(*attributes)
    assert macs(predictor) == BODY * SIZE * SIZE + head_macs(*attributes)


def test_the_macs_of_efficientnet_b0_are_those_published():
    """0.39 G at 224 pixels with a thousand classes: Tan and Le, 2019, table 2."""
    backbone = create_backbone(ModelConfig("efficientnet_b0", "none"))
    predictor = predictor_of(Attribute("classes", 1000, "nominal"), backbone=backbone, size=224)
    assert round(macs(predictor) / 1e9, 2) == 0.39
    assert round(parameters(predictor) / 1e6, 1) == 5.3


def by_quantity(costs):
    return {line.quantity: line for line in costs}


def test_three_networks_cost_nearly_three_times_one():
    heads = A, B, C
    costs = by_quantity(network_cost(predictor_of(*heads), [predictor_of(head) for head in heads]))
    weights, work = costs["parameters"], costs["MACs of one photo"]
    assert (weights.shared, weights.singles) == (BODY + head_weights(*heads), 3 * BODY + head_weights(*heads))
    assert (work.shared, work.singles) == (
        BODY * SIZE * SIZE + head_macs(*heads),
        3 * BODY * SIZE * SIZE + head_macs(*heads),
    )
    assert costs["weights"].shared == 4 * weights.shared
    for line in costs.values():
        assert line.ratio == line.singles / line.shared
        assert np.isnan([line.low, line.high]).all()
    assert work.ratio == pytest.approx(3, abs=0.02)


@pytest.mark.parametrize("attribute", [A, C])
def test_one_head_costs_what_it_costs_alone(attribute, monkeypatch):
    monkeypatch.setattr(cost, "BUDGET", 0.0)
    shared, single = predictor_of(attribute), predictor_of(attribute)
    assert {line.ratio for line in network_cost(shared, [single])} == {1.0}
    assert by_quantity(inference_cost(shared, [single]))["peak memory with 32 photos"].ratio == 1.0


def test_a_photo_passes_through_every_single_network(monkeypatch):
    """With a clock that advances one second for every photo that a network sees."""
    seconds = 0
    predict = Predictor.predict

    def predict_and_tick(self, images):
        nonlocal seconds
        seconds += len(images)
        return predict(self, images)

    monkeypatch.setattr(Predictor, "predict", predict_and_tick)
    monkeypatch.setattr(cost, "time_alternately", partial(time_alternately, clock=lambda: seconds))
    heads = A, B, C
    latency, throughput, _ = inference_cost(predictor_of(*heads), [predictor_of(head) for head in heads])
    assert (latency.shared, latency.singles, latency.unit) == (1000, 3000, "ms")
    assert (throughput.shared, throughput.singles) == pytest.approx((1, 1 / 3))
    for line in (latency, throughput):
        assert (line.ratio, line.low, line.high) == (3, 3, 3)
        assert line.repeats >= 5
        assert f"threads: {torch.get_num_threads()}" in line.device


def test_all_weights_stay_in_memory_and_one_network_works_at_a_time(monkeypatch):
    monkeypatch.setattr(cost, "BUDGET", 0.0)
    heads = A, B, C
    shared, singles = predictor_of(*heads), [predictor_of(head) for head in heads]
    memory = by_quantity(inference_cost(shared, singles))["peak memory with 32 photos"]
    body = 4 * 32 * CHANNELS * SIZE * SIZE  # bytes of the feature maps; the heads need much less
    for bytes_, nets in ((memory.shared, [shared]), (memory.singles, singles)):
        weights = sum(weight_bytes(predictor.net) for predictor in nets)
        assert body <= bytes_ - weights <= 2.5 * body
    assert memory.ratio == memory.singles / memory.shared > 1


DRAWS, EPOCHS = {"shared": 8, "shine": 6, "lines": 4}, 2


@pytest.fixture(scope="session")
def runs(graded_folder, tmp_path_factory):
    """Tiny runs of a model for two attributes and of a model for each."""
    root = tmp_path_factory.mktemp("compared")
    shine, lines = Attribute("shine", 5), Attribute("lines", 3)

    def train(name, *attributes):
        ignored = [other.name for other in (shine, lines) if other not in attributes]
        columns = Columns(subject="subject", ignore=ignored)
        data = DataConfig(str(graded_folder), columns=columns, batch_size=4, draws_per_epoch=DRAWS[name], num_workers=0)
        model = ModelConfig("test_efficientnet", "none", 32)
        trainer = TrainerConfig(EPOCHS, "cpu", progress=False, monitor="val/loss")
        config = FitConfig(out=str(root / name), data=data, model=model, trainer=trainer)
        return fit(config, load_photos(data, Schema(attributes)))

    return {"shared": train("shared", shine, lines), "shine": train("shine", shine), "lines": train("lines", lines)}


def test_runs_are_measured_on_every_device(runs, monkeypatch):
    monkeypatch.setattr(cost, "BUDGET", 0.0)
    shared, *singles = runs.values()
    lines = measure_cost([shared], [singles], available_devices())
    costs = by_quantity(lines)
    assert len(lines) == 6 + 3 * len(available_devices())
    passes, checkpoint, seconds = (costs[name] for name in ("image passes in training", "checkpoint", "time to train"))
    assert (passes.shared, passes.singles) == (8 * EPOCHS, (6 + 4) * EPOCHS)
    sizes = {name: run.best.stat().st_size for name, run in runs.items()}
    assert (checkpoint.shared, checkpoint.singles) == (sizes["shared"], sizes["shine"] + sizes["lines"])
    assert min(seconds.shared, seconds.singles) > 0
    assert costs["parameters"].ratio == pytest.approx(2, abs=0.05)
    assert all(np.isfinite([line.shared, line.singles, line.ratio]).all() for line in lines)
    timed = [line for line in lines if line.repeats > 1]
    assert [line.quantity for line in timed[:2]] == ["latency of one photo", "throughput in batches of 32"]
    latency, throughput = timed[:2]
    assert latency.ratio == pytest.approx(latency.singles / latency.shared)
    assert throughput.ratio == pytest.approx(throughput.shared / throughput.singles)
    assert all(line.low <= line.ratio <= line.high for line in timed)


def test_training_costs_are_means_over_seeds_with_their_range(tmp_path):
    def run(name, seconds):
        folder = RunFolder(tmp_path / name)
        folder.curves.parent.mkdir(parents=True)
        pd.DataFrame({"train/seconds": seconds}).to_csv(folder.curves, index=False)
        folder.config.write_text("data: {draws_per_epoch: 10}")
        return folder

    shared = [run("shared-0", [3.0, 1.0]), run("shared-1", [4.0, 2.0, 2.0])]
    singles = [[run("a-0", [5.0]), run("b-0", [5.0, 5.0])], [run("a-1", [1.0]), run("b-1", [6.0])]]
    passes, seconds = training_cost(shared, singles)
    assert (seconds.shared, seconds.shared_least, seconds.shared_most) == (6, 4, 8)
    assert (seconds.singles, seconds.singles_least, seconds.singles_most) == (11, 7, 15)
    assert seconds.ratio == pytest.approx(11 / 6)
    assert (passes.shared, passes.singles) == (25, 25)
    alone = training_cost(shared[:1], singles[:1])[1]
    assert (alone.shared, alone.singles) == (4, 15)
    assert np.isnan([alone.shared_least, alone.singles_most, alone.low]).all()
    teachers = [str(single.root) for single in singles[0]]
    shared[0].config.write_text(f"{{data: {{draws_per_epoch: 10}}, distillation: {{teachers: {teachers}, weight: 1}}}}")
    passes, seconds = training_cost(shared[:1], singles[:1])
    assert (passes.shared, passes.singles) == (20 + 30, 30)
    assert (seconds.shared, seconds.singles) == (4 + 15, 15)


def test_a_run_that_was_stopped_early_counts_its_own_epochs(runs, tmp_path):
    folder = RunFolder(tmp_path)
    folder.curves.parent.mkdir()
    pd.read_csv(runs["shine"].curves).query("epoch == 0").to_csv(folder.curves, index=False)
    folder.config.write_text(runs["shine"].config.read_text())
    assert cost.image_passes(folder) == DRAWS["shine"]


def test_a_run_without_its_best_network_is_refused(runs, tmp_path):
    run = RunFolder(tmp_path)
    for reason in ("No such file or directory", r"not readable \(\w+\)"):
        said = rf"^checkpoint {run.best}: {reason}; remove this run's folder and start again$"
        with pytest.raises(UserError, match=said):
            measure_cost([runs["shared"]], [[run]], ["cpu"])
        run.checkpoints.mkdir(exist_ok=True)
        run.best.write_bytes(runs["shine"].best.read_bytes()[:100])


@pytest.mark.parametrize("curves", [None, "", "epoch,val/loss\n0,1.0\n", 'train/seconds\n0,"1', "train/seconds\n"])
def test_a_run_without_curves_is_an_error_with_a_remedy(curves, tmp_path):
    run = RunFolder(tmp_path / "shared-0-ab")
    run.curves.parent.mkdir(parents=True)
    if curves is not None:
        run.curves.write_text(curves)
    with pytest.raises(UserError, match=rf"^{run.curves}: .*; remove this run's folder and start again$"):
        cost.training_seconds(run)
