"""Connections: who makes them, who ends them, and what is left."""

from __future__ import annotations

import os
import socket
import threading
import time

import pytest
from dask_tasks import Diary, clients_there, plugins_there, process, square, who

from pegboard import ConfigError, Session
from pegboard_dask import ClusterLost, ClusterUnreachable, Dask

# An idle thread that distributed keeps for the life of a process, and one that it lets end by itself.
KEPT = ("Dask-Offload", "Profile")


def threads():
    """The threads that run now, but for those that engines keep for the whole process."""
    return {each for each in threading.enumerate() if not each.name.startswith(KEPT)}


def test_nothing_is_connected_before_it_is_needed():
    """A session with the plugin starts nothing by itself: not even an address that nobody is at matters."""
    with Session(Dask("tcp://127.0.0.1:1"), inherit=False):
        assert square(3) == 9


def test_a_session_ends_the_connection_it_made(cluster):
    """After the session no thread of the client is left."""
    before = threads()
    with Session(Dask(cluster), executor="dask", inherit=False):
        assert square.submit(2).result(20) == 4
        assert threads() != before
    assert threads() <= before


def test_a_cluster_of_its_own_ends_with_the_session():
    """`Dask()` starts processes on loopback; none of them, and no thread, is left afterwards."""
    before = threads()
    with Session(Dask(workers=2), executor="dask", inherit=False):
        pids = {future.result(20) for future in [process.submit() for _ in range(8)]}
        assert os.getpid() not in pids
    end = time.monotonic() + 5  # those of distributed that watched its processes are a moment behind them
    while not threads() <= before and time.monotonic() < end:
        time.sleep(0.01)
    assert threads() <= before
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def test_a_client_handed_in_stays_open(cluster):
    """`Dask(client=...)` uses a client that goes on working after the session."""
    from distributed import Client

    with Client(cluster, set_as_default=False) as client:
        with Session(Dask(client=client), executor="dask", inherit=False):
            assert square.submit(2).result(20) == 4
        assert client.submit(int, "3", pure=False).result(20) == 3
        assert not [name for name in client.run(plugins_there).values() if name]


def test_inner_sessions_share_the_connection(cluster):
    """A session inside another uses its connection, and leaves it open."""
    from distributed import Client

    with (
        Client(cluster, set_as_default=False) as watching,
        Session(Dask(cluster), executor="dask", inherit=False),
    ):
        assert square.submit(1).result(20) == 1
        connected = watching.run_on_scheduler(clients_there)
        with Session():
            assert square.submit(2).result(20) == 4
            assert watching.run_on_scheduler(clients_there) == connected
        assert square.submit(3).result(20) == 9


def test_a_session_may_be_opened_again(cluster):
    """A session that ended connects anew when it is entered again."""
    session = Session(Dask(cluster), executor="dask", inherit=False)
    for _ in range(2):
        with session:
            assert square.submit(2).result(20) == 4


def test_sessions_of_workers_end_with_the_session_at_home(cluster, tmp_path):
    """Plugins that go to workers are told of the end there, so that exporters send what they have, when the session ends."""
    path = tmp_path / "diary"
    with Session(Dask(cluster), Diary(str(path)), executor="dask", inherit=False):
        square.map(range(20))
        begun = [line for line in path.read_text().splitlines() if line.endswith("start")]
    ended = [line.split()[0] for line in path.read_text().splitlines() if line.endswith("end")]
    ours = str(os.getpid())
    assert sorted(each.split()[0] for each in begun) == sorted(ended)
    assert {pid for pid in ended if pid != ours}


def test_what_departs_arrives(cluster, tmp_path):
    """What `on_depart` puts into the carrier is there for the scope around the function in the worker."""
    path = tmp_path / "diary"
    with Session(Dask(cluster), Diary(str(path)), executor="dask", inherit=False):
        identity, *_ = who.submit(1).result(20)
    told = [
        line.partition(" ")[2] for line in path.read_text().splitlines() if "from" in line or "left" in line
    ]
    assert told == [f"from {identity}", f"left {identity}"]


def test_no_scheduler_is_a_clear_error():
    """Nobody at the address: an error that names it and the time, within that time; nothing is left running."""
    before, began = threads(), time.monotonic()
    with (
        Session(Dask("tcp://127.0.0.1:1", timeout=0.5), inherit=False),
        pytest.raises(ClusterUnreachable) as raised,
    ):
        process()
    assert (raised.value.address, raised.value.timeout) == ("tcp://127.0.0.1:1", 0.5)
    assert time.monotonic() - began < 5
    assert threads() <= before


def test_something_else_at_the_address_is_a_clear_error():
    """Who listens and says nothing is no scheduler, and is not waited for longer than was said."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"tcp://127.0.0.1:{server.getsockname()[1]}"
        with Session(Dask(address, timeout=0.5), inherit=False), pytest.raises(ClusterUnreachable):
            process()


def test_an_address_of_an_unknown_kind_is_a_clear_error():
    """A scheme that Dask does not know is told as what it is."""
    with (
        Session(Dask("nowhere://x", timeout=0.5), inherit=False),
        pytest.raises(ClusterUnreachable, match="nowhere"),
    ):
        process()


def test_a_worker_of_the_same_name_elsewhere_is_no_executor():
    """The plugin answers for `dask` alone."""
    with (
        Session(Dask(), inherit=False) as session,
        pytest.raises(ConfigError, match="no executor is called 'dusk'"),
    ):
        session.place("dusk")


def test_work_that_the_cluster_lets_go_of_is_lost(cluster):
    """Somebody cancels the work on the cluster: the call fails with `ClusterLost` instead of waiting for ever."""
    from distributed import Client
    from distributed import Future as Promise

    with (
        Client(cluster, set_as_default=False) as client,
        Session(Dask(client=client), executor="dask", inherit=False) as session,
    ):
        future = session.place("dask").executor.submit(time.sleep, 1.0)
        client.cancel([Promise(key, client) for key in client.futures], force=True)
        with pytest.raises(ClusterLost) as raised:
            future.result(20)
    assert raised.value.reason
