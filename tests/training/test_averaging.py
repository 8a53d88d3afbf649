import pytest
import torch

from multiskin.training.averaging import ramped_average


def test_follows_its_definition():
    average = ramped_average(0.9)
    averaged = torch.tensor(0.0)
    expected = 0.0
    for step in range(1, 200):
        value = float(step % 7)
        share = min(0.9, (1 + step) / (10 + step))
        expected = share * expected + (1 - share) * value
        averaged = average(averaged, torch.tensor(value), torch.tensor(step))
        assert averaged.item() == pytest.approx(expected, rel=1e-4)


def test_forgets_the_beginning_within_a_small_training():
    average = ramped_average(0.99)
    averaged = torch.tensor(1.0)  # the weights of the first step; all later ones are 0
    for step in range(1, 31):
        averaged = average(averaged, torch.tensor(0.0), torch.tensor(step))
    assert averaged < 1e-4 < 0.99**30
