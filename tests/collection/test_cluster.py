"""The message if there is no cluster at an address, and the number of CPUs of a cluster on this machine."""

import socket

import pytest

from multiskin.collection.cluster import Cluster
from multiskin.errors import UserError


def test_an_address_where_nothing_listens_gets_one_message() -> None:
    pytest.importorskip("ray", reason="pip install 'multiskin[ray]'")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and does not listen
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(UserError, match=f"--address {address}: no Ray cluster"), Cluster(address, 2, 0).connected():
            pass


@pytest.mark.parametrize(("readers", "cpus"), [(0, 2), (1, 2), (4, 5)])
def test_there_is_one_cpu_for_scoring_besides_those_for_reading(readers: int, cpus: int) -> None:
    assert Cluster.of(None, readers, 1).cpus == cpus
    assert Cluster.of(None, None, 1).cpus >= 2
