"""Under which names the page may be asked for."""

from __future__ import annotations

import pytest

from pegboard import ConfigError, Session
from pegboard_prometheus import Prometheus
from pegboard_prometheus.page.access import checked_access


@pytest.mark.parametrize(
    ("host", "local_address", "expected"),
    [
        ("localhost", None, True),
        ("LOCALHOST:9464", None, True),
        ("127.0.0.1:1", None, True),
        ("[::1]:9464", None, True),
        ("metrics.internal", None, True),
        ("Metrics.Internal:9464", None, True),
        ("10.0.0.5:9464", "10.0.0.5", True),
        ("10.0.0.5:9464", "10.0.0.6", False),
        ("10.0.0.5", None, False),
        ("10.0.0.5", "::ffff:10.0.0.5", True),
        ("[2001:db8:0::5]", "2001:db8::5", True),
        ("[fe80::1]", "fe80::1%eth0", True),
        ("evil.example", "10.0.0.5", False),
        ("metrics.internal.evil.example", None, False),
        ("user@localhost", None, False),
        ("localhost/", None, False),
        ("localhost?x", None, False),
        ("", "127.0.0.1", False),
    ],
)
def test_which_hosts_are_allowed(host, local_address, expected):
    """Those that were listed, this machine's loopback, and the address that was connected to."""
    assert checked_access(["metrics.internal"], None).allows(host, local_address) is expected


def test_a_listed_host_is_answered(metrics, ask):
    """And one that was not listed is still misdirected; one name need not be in a list."""
    prometheus = Prometheus(0, allowed_hosts="metrics.internal")
    with Session(metrics, prometheus, inherit=False):
        assert ask(prometheus.port, Host="metrics.internal:9464").status == 200
        assert ask(prometheus.port, Host="evil.example").status == 421


def test_all_hosts_take_a_token(metrics, ask):
    """Without one, DNS rebinding would have free play."""
    with pytest.raises(ConfigError, match="name of its own") as caught:
        Prometheus(0, allowed_hosts=["*"])
    assert caught.value.key == "allowed_hosts"
    prometheus = Prometheus(0, allowed_hosts=["*"], token="t0ken")
    with Session(metrics, prometheus, inherit=False):
        assert ask(prometheus.port, Host="any.example", Authorization="Bearer t0ken").status == 200


@pytest.mark.parametrize("host", ["http://a", "a:80", "a/b", "", "a b@c", 7, None], ids=repr)
def test_a_host_is_a_name(host):
    """A scheme, port or path is a mistake that would never match."""
    with pytest.raises(ConfigError, match="without scheme, port and path"):
        Prometheus(0, allowed_hosts=[host])
