"""Where an endpoint may listen, checked where it is written."""

from __future__ import annotations

import contextlib
import socket
from pathlib import Path

import pytest

from pegboard import ConfigError, Session
from pegboard_prometheus import Prometheus


def listeners():
    """Addresses (as the kernel writes them) and ports that this process listens on."""
    tables = [path for path in (Path("/proc/self/net/tcp"), Path("/proc/self/net/tcp6")) if path.exists()]
    if not tables:
        pytest.skip("this system has no /proc/self/net/tcp")
    rows = [line.split() for table in tables for line in table.read_text().splitlines()[1:]]
    own = set()
    for descriptor in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # the listing's own descriptor is closed by now
            own.add(str(descriptor.readlink()))
    listening = [row[1].split(":") for row in rows if row[3] == "0A" and f"socket:[{row[9]}]" in own]
    return {(address, int(port, 16)) for address, port in listening}


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.0.7", "2001:db8::7"])
def test_a_public_address_needs_a_token_or_tls(host):
    """Anybody could read it without; the error says so, and what to do."""
    with pytest.raises(ConfigError, match=r"token nor TLS[\s\S]*127\.0\.0\.1") as caught:
        Prometheus(host=host)
    assert (caught.value.where, caught.value.key) == ("Prometheus", "host")


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.0.7", "127.0.0.1", "localhost"])
def test_with_a_token_any_address_will_do(host):
    """Other machines may then ask."""
    assert Prometheus(host=host, token="t0ken").port == 9464


def test_with_tls_any_address_will_do(certificate):
    """The other of the two."""
    assert Prometheus(host="0.0.0.0", certfile=certificate[0], keyfile=certificate[1]).url.startswith("https")


@pytest.mark.parametrize(
    "host", ["", "example.org", "127.0.0.1.evil.org", "*", "127.0.0.1:80", None], ids=repr
)
def test_a_name_is_no_address(host):
    """What a name means may change; it is refused with a token too."""
    with pytest.raises(ConfigError, match="neither 'localhost' nor an IP address") as caught:
        Prometheus(host=host, token="t0ken")
    assert caught.value.key == "host"


def test_nothing_but_loopback_listens_by_default(metrics):
    """The kernel's own list of listeners has the port on 127.0.0.1 alone."""
    prometheus = Prometheus(0)
    before = listeners()
    with Session(metrics, inherit=False):
        assert listeners() == before
    with Session(metrics, prometheus, inherit=False):
        assert listeners() - before == {("0100007F", prometheus.port)}
    assert listeners() == before


@pytest.mark.parametrize("port", [-1, 65_536, "9464", 9464.0, True, [9464]], ids=repr)
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
