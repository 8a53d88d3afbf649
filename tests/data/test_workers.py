"""Worker processes leave cores to the network."""

import os

import pytest

from multiskin.data.workers import worker_count


@pytest.mark.parametrize(("cores", "workers"), [(None, 0), (1, 0), (2, 0), (3, 1), (8, 6), (64, 8)])
def test_workers_leave_two_cores_to_the_network(cores, workers, monkeypatch):
    monkeypatch.setattr(os, "cpu_count", lambda: cores)
    assert worker_count(None) == workers
    assert worker_count(0) == 0
    assert worker_count(12) == 12


def test_networks_at_the_same_time_share_the_workers_out(monkeypatch):
    monkeypatch.setattr(os, "cpu_count", lambda: 16)
    assert [worker_count(None, networks) for networks in (1, 2, 4, 16)] == [8, 6, 2, 0]
