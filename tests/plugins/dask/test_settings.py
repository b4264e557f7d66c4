"""What `Dask(...)` refuses, before anything starts."""

from __future__ import annotations

import pytest

from pegboard import ConfigError
from pegboard_dask import Dask


@pytest.mark.parametrize(
    ("settings", "error"),
    [
        ({"address": ""}, TypeError),
        ({"address": 8786}, TypeError),
        ({"client": "tcp://localhost:8786"}, TypeError),
        ({"workers": 0}, ValueError),
        ({"workers": True}, TypeError),
        ({"threads": 0}, ValueError),
        ({"threads": 1.5}, TypeError),
        ({"timeout": 0}, ValueError),
        ({"timeout": "1 s"}, ValueError),
    ],
    ids=str,
)
def test_a_setting_that_means_nothing_is_refused(settings, error):
    """Each setting is checked where it is written."""
    with pytest.raises(error, match="Dask"):
        Dask(**settings)


@pytest.mark.parametrize(
    ("settings", "key"),
    [
        ({"address": "tcp://localhost:8786", "workers": 2}, "workers"),
        ({"ca": __file__}, "cert"),
        ({"security": True, "ca": "ca.pem", "cert": "a.pem", "key": "a.key"}, "security"),
        ({"ca": "nowhere.pem", "cert": "nowhere.pem", "key": "nowhere.pem"}, "ca"),
    ],
    ids=lambda value: value if isinstance(value, str) else "-".join(value),
)
def test_settings_that_contradict_each_other_are_refused(settings, key):
    """A setting that would say nothing is an error that names it."""
    with pytest.raises(ConfigError) as raised:
        Dask(**settings)
    assert (raised.value.where, raised.value.key) == ("Dask", key)


def test_the_class_of_a_client_is_no_client():
    """`Dask(client=Client)` lacks the parentheses."""
    from distributed import Client

    with pytest.raises(TypeError, match=r"takes a distributed\.Client"):
        Dask(client=Client)


def test_a_client_of_an_event_loop_is_refused(cluster):
    """A client made with asynchronous=True belongs to one loop, and sessions work from any thread."""
    import asyncio

    from distributed import Client

    async def refused():
        async with Client(cluster, asynchronous=True, set_as_default=False) as client:
            with pytest.raises(ConfigError, match="asynchronous") as raised:
                Dask(client=client)
            return raised.value.key

    assert asyncio.run(refused()) == "client"


def test_a_client_alone_says_which_cluster(cluster):
    """A client and an address say the same thing twice."""
    from distributed import Client

    with Client(cluster, set_as_default=False) as client, pytest.raises(ConfigError) as raised:
        Dask(cluster, client=client)
    assert raised.value.key == "address"
