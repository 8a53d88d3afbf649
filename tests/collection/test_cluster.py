"""Where there is no cluster, or no Ray, it says so; what a cluster of this machine's own looks like."""

import socket

import pytest

from multiskin.collection.cluster import Cluster
from multiskin.errors import UserError


def test_an_address_where_nobody_listens_is_one_error() -> None:
    pytest.importorskip("ray", reason="pip install 'multiskin[ray]'")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and does not listen
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(UserError, match=f"--address {address}: no Ray cluster"), Cluster(address, 2, 0).connected():
            pass


@pytest.mark.parametrize(("readers", "cpus"), [(0, 2), (1, 2), (4, 5)])
def test_one_process_scores_beside_those_that_read(readers: int, cpus: int) -> None:
    assert Cluster.of(None, readers, 1).cpus == cpus
    assert Cluster.of(None, None, 1).cpus >= 2
