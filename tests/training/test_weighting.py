"""Loss weightings, against formulas written out head by head, and their use in a run."""

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from multiskin.config import DataConfig, FitConfig, ModelConfig, OptimizerConfig, TrainerConfig
from multiskin.inference.predictor import Predictor
from multiskin.training.fit import fit
from multiskin.training.weighting import Random, Uncertainty, create_weighting

numbers = st.floats(0, 20)


def test_without_a_name_losses_are_what_they_are():
    losses = torch.tensor([0.0, 1.5, 1e4])
    assert torch.equal(create_weighting(None, 3, 0)(losses, torch.tensor([0.0, 1.0, 2.0]), 3), losses)


class TestUncertainty:
    @settings(max_examples=50, deadline=None)
    @given(st.lists(st.tuples(numbers, numbers, st.floats(-8, 8)), min_size=1, max_size=6))
    def test_is_the_formula_of_the_paper_with_the_regulariser_by_weight(self, heads):
        losses, shares, variances = torch.tensor(heads).T
        weighting = Uncertainty(len(heads))
        with torch.no_grad():
            weighting.log_variances.copy_(variances)
        terms = weighting(losses, shares, 0)
        for term, (loss, share, variance) in zip(terms.tolist(), heads, strict=True):
            deviation = math.exp(variance / 2)
            assert term == pytest.approx(loss / deviation**2 + share * math.log(deviation), rel=1e-4, abs=1e-5)

    def test_starts_with_the_losses_as_they_are(self):
        losses = torch.tensor([1.5, 0.0, 0.2])
        assert torch.equal(create_weighting("uncertainty", 3, 0)(losses, torch.ones(3), 0), losses)

    def test_a_head_without_a_grade_in_the_batch_is_not_pushed(self):
        weighting = Uncertainty(3)
        with torch.no_grad():
            weighting.log_variances.fill_(0.7)
        weighting(torch.tensor([1.0, 0.0, 2.0]), torch.tensor([1.0, 0.0, 0.3]), 0).sum().backward()
        push = weighting.log_variances.grad
        assert push[1] == 0
        assert push[0] != 0 != push[2]

    @pytest.mark.parametrize("graded", [1.0, 0.1])
    def test_a_seldom_graded_head_comes_to_the_same_log_variance(self, graded):
        """The fewer its rows, the more each weighs; the best log variance is log(2 * its mean loss)."""
        random = np.random.default_rng(0)
        weighting = Uncertainty(1)
        optimizer = torch.optim.SGD(weighting.parameters(), lr=0.02)
        for _ in range(4000):
            weight = torch.from_numpy((random.random(8) < graded) / graded)
            loss = torch.from_numpy(random.uniform(0.5, 1.5, 8))
            optimizer.zero_grad()
            weighting((weight * loss).mean()[None], weight.mean()[None], 0).sum().backward()
            optimizer.step()
        assert weighting.log_variances.item() == pytest.approx(math.log(2 * 1.0), abs=0.15)


class TestRandom:
    def test_a_step_has_its_own_weights_the_same_in_every_process(self):
        losses = torch.tensor([0.4, 1.0, 2.0])
        first, again, later, other = (
            Random(seed)(losses, torch.ones(3), step) for seed, step in ((5, 7), (5, 7), (5, 8), (6, 7))
        )
        assert torch.equal(first, again)
        assert not torch.equal(first, later)
        assert not torch.equal(first, other)

    def test_weights_are_a_softmax_of_normal_numbers_and_1_on_average(self):
        drawn = torch.stack([Random(0)(torch.ones(4, dtype=torch.float64), torch.ones(4), n) for n in range(4000)])
        torch.testing.assert_close(drawn.sum(dim=1), torch.full((4000,), 4.0, dtype=torch.float64))
        torch.testing.assert_close(drawn.mean(dim=0), torch.ones(4, dtype=torch.float64), atol=0.05, rtol=0)
        logits = drawn.log() - drawn.log().mean(dim=1, keepdim=True)  # normal, but for their mean
        torch.testing.assert_close(logits.T.cov(), (torch.eye(4) - 0.25).double(), atol=0.06, rtol=0)

    def test_a_single_head_always_counts_once(self):
        assert Random(0)(torch.tensor([0.3]), torch.ones(1), 9).item() == pytest.approx(0.3)

    def test_draws_nothing_that_others_count_on(self):
        torch.manual_seed(0)
        state = torch.get_rng_state()
        Random(0)(torch.ones(2), torch.ones(2), 0)
        assert torch.equal(torch.get_rng_state(), state)


@pytest.fixture
def config(tmp_path):
    return FitConfig(
        out=str(tmp_path / "run"),
        data=DataConfig(batch_size=4, num_workers=0),
        model=ModelConfig("test_efficientnet", "none", 32),
        optimizer=OptimizerConfig(lr=0.01),
        trainer=TrainerConfig(max_epochs=2, progress=False, accelerator="cpu"),
    )


def curves(run):
    return pd.read_csv(run.curves).drop(columns=["step", "train/seconds"]).groupby("epoch").first()


def test_log_variances_are_learned_logged_kept_and_no_part_of_the_network(config, photos):
    run = fit(replace(config, weighting="uncertainty"), photos)
    content = torch.load(run.last, weights_only=True)
    averaged, current = (content[key]["weighting.log_variances"] for key in ("state_dict", "current_model_state"))
    logged = curves(run)[[f"train/{name}/log_variance" for name in ("shine", "lines")]]
    np.testing.assert_allclose(logged.iloc[-1], current, rtol=1e-5)
    assert (logged.iloc[0] != logged.iloc[1]).all()
    assert not torch.equal(averaged, current)
    groups = content["optimizer_states"][0]["param_groups"]
    assert groups[-1]["weight_decay"] == 0
    assert groups[-1]["initial_lr"] == pytest.approx(0.1)
    assert "weighting.log_variances" not in Predictor.from_checkpoint(run.last, "cpu").net.state_dict()


@pytest.mark.parametrize("weighting", ["uncertainty", "random"])
def test_a_run_that_was_stopped_goes_on_to_the_very_same_weights(weighting, config, photos, tmp_path, monkeypatch):
    config = replace(config, weighting=weighting, trainer=replace(config.trainer, every_n_train_steps=1))
    whole = fit(replace(config, out=str(tmp_path / "whole")), photos)
    weigh = {"uncertainty": Uncertainty, "random": Random}[weighting]

    def weigh_or_die(self, losses, shares, step):
        if step == 5:
            raise OSError("no current")
        return forward(self, losses, shares, step)

    forward = weigh.forward
    with monkeypatch.context() as patch:
        patch.setattr(weigh, "forward", weigh_or_die)
        with pytest.raises(OSError, match="no current"):
            fit(config, photos)
    stopped = fit(replace(config, ckpt_path="last"), photos)
    weights, expected = (torch.load(run.last, weights_only=True)["state_dict"] for run in (stopped, whole))
    assert weights.keys() == expected.keys()
    assert all(torch.equal(weights[key], expected[key]) for key in expected)
    pd.testing.assert_frame_equal(curves(stopped), curves(whole))


def test_each_way_trains_another_network(config, photos, tmp_path):
    config = replace(config, trainer=replace(config.trainer, max_epochs=1))
    losses = {}
    for weighting in (None, "uncertainty", "random"):
        run = fit(replace(config, weighting=weighting, out=str(tmp_path / str(weighting))), photos)
        losses[weighting] = tuple(curves(run)[f"train/{name}/loss"].iloc[-1] for name in ("shine", "lines"))
    assert len(set(losses.values())) == 3
