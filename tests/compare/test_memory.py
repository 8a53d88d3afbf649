"""Bytes against sums computed by hand."""

from types import SimpleNamespace

import pytest
import torch
from torch import nn

from multiskin.compare.memory import weight_bytes, working_bytes

IMAGES = torch.zeros(1, 3, 2, 2)
DEVICES = [
    "cpu",
    pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")),
]


def test_weights_are_parameters_and_buffers():
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))
    convolution, norm, batches_seen = 4 * 3 * 9 + 4, 4 * 4, 1
    assert weight_bytes(net) == 4 * (convolution + norm) + 8 * batches_seen


def worker(device, work):
    """Stands in for a predictor."""
    return SimpleNamespace(device=torch.device(device), predict=work)


@pytest.mark.parametrize("device", DEVICES)
def test_the_peak_counts_tensors_alive_at_the_same_time(device):
    def work(_):
        first = torch.empty(4 * 2**20, dtype=torch.uint8, device=device)
        del first
        second = torch.empty(2 * 2**20, dtype=torch.uint8, device=device)
        third = torch.empty(3 * 2**20, dtype=torch.uint8, device=device)
        return [second, third]

    assert [working_bytes(worker(device, work), IMAGES) for _ in range(3)] == [5 * 2**20] * 3


def test_earlier_tensors_do_not_count():
    before = [torch.empty(2**20, dtype=torch.uint8)]

    def work(_):
        before.clear()
        return torch.empty(3 * 2**20, dtype=torch.uint8)

    assert working_bytes(worker("cpu", work), IMAGES) == 3 * 2**20


def test_the_profiler_prints_nothing(capfd):
    working_bytes(worker("cpu", lambda images: images + 1), IMAGES)
    assert capfd.readouterr() == ("", "")
