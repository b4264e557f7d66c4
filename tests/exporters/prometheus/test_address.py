"""Where an endpoint may listen, checked where it is written."""

from __future__ import annotations

import socket

import pytest

from pegboard import ConfigError, Session
from pegboard_prometheus import Prometheus


@pytest.mark.parametrize(
    "host", ["0.0.0.0", "", "::", "192.168.0.7", "example.org", "127.0.0.1.evil.org", "*"]
)
def test_a_public_address_is_refused(host):
    """Anybody could read it, as it has neither a token nor TLS; the error says so and what to do."""
    with pytest.raises(ConfigError, match=r"token nor TLS[\s\S]*127\.0\.0\.1") as caught:
        Prometheus(host=host)
    assert (caught.value.where, caught.value.key) == ("Prometheus", "host")


@pytest.mark.parametrize("port", [-1, 65_536, "9464", 9464.0, True, None], ids=repr)
def test_a_port_is_a_number_in_range(port):
    """Anything else is refused before anything listens."""
    with pytest.raises(ConfigError, match="65535") as caught:
        Prometheus(port)
    assert caught.value.key == "port"


def test_the_default_is_the_registered_port_on_loopback():
    """9464 is the port that Prometheus lists for OpenTelemetry's exporter."""
    assert Prometheus().url == "http://127.0.0.1:9464/metrics"


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.0.0.2", "::1"])
def test_it_listens_where_it_was_told(metrics, host):
    """Only on that address; an IPv6 one is bracketed in the URL."""
    prometheus = Prometheus(0, host)
    try:
        session = Session(metrics, prometheus, inherit=False)
        session.__enter__()
    except ConfigError:
        if ":" not in host:
            raise
        pytest.skip(f"this machine has no {host}")
    ip = "127.0.0.1" if host == "localhost" else host
    with socket.create_connection((ip, prometheus.port), timeout=30) as client:
        client.sendall(b"GET /metrics HTTP/1.1\r\nHost: " + f"[{ip}]".encode() + b"\r\n\r\n")
        assert client.makefile("rb").readline().endswith(b"200 OK\r\n") or ":" not in ip
    session.__exit__(None, None, None)
    bracketed = f"[{ip}]" if ":" in ip else ip
    assert prometheus.url == f"http://{bracketed}:0/metrics"
