"""TLS: certificates from files, renewed while it runs."""

from __future__ import annotations

import shutil
import socket
import ssl
from urllib.request import Request, urlopen

import pytest

from pegboard import ConfigError, Session
from pegboard_prometheus import Prometheus
from pegboard_prometheus.endpoint.connection import MAX_SECONDS
from pegboard_prometheus.endpoint.tls import Certificate


@pytest.fixture
def encrypted(metrics, certificate):
    """An endpoint with TLS."""
    prometheus = Prometheus(0, certfile=certificate[0], keyfile=certificate[1])
    with Session(metrics, prometheus, inherit=False):
        yield prometheus


def read(prometheus, certfile, **headers):
    """Scrape over TLS, trusting one certificate."""
    context = ssl.create_default_context(cafile=certfile)
    with urlopen(Request(prometheus.url, headers=headers), context=context, timeout=30) as answer:
        return answer.read().decode()


def test_a_client_that_trusts_the_certificate_gets_the_metrics(encrypted, certificate):
    """Encrypted, on an address that begins with https."""
    assert encrypted.url.startswith("https://127.0.0.1:")
    assert "pegboard_task_active" in read(encrypted, certificate[0])


def test_a_client_that_does_not_trust_it_gets_nothing(encrypted):
    """And the next one is answered."""
    with pytest.raises(OSError, match="CERTIFICATE_VERIFY_FAILED"):
        urlopen(encrypted.url, timeout=30)


def test_plain_http_gets_nothing(encrypted, connect, certificate):
    """The connection ends without an answer."""
    client = connect(encrypted.port, b"GET /metrics HTTP/1.1\r\n\r\n")
    try:
        assert not client.makefile("rb").read().startswith(b"HTTP/")
    except ConnectionResetError:
        pass  # that is an end too
    assert "pegboard_task_active" in read(encrypted, certificate[0])


def test_old_versions_of_tls_are_refused(certificate):
    """TLS 1.2 at least, whatever the machine's own settings allow."""
    with socket.socket() as client:
        wrapped = Certificate(*certificate).wrap(client)
        assert wrapped.context.minimum_version == ssl.TLSVersion.TLSv1_2
        wrapped.close()


@pytest.mark.slow
def test_clients_that_never_shake_hands_keep_no_scrape_out(encrypted, connect, certificate):
    """TLS begins in the client's own thread, under the same limits."""
    silent = [connect(encrypted.port, b"\x16\x03\x01") for _ in range(300)]
    assert "pegboard_task_active" in read(encrypted, certificate[0])
    for client in silent:
        client.settimeout(2 * MAX_SECONDS)
        try:
            assert client.recv(1) == b""
        except ConnectionResetError:
            pass  # that is an end too


def test_a_renewed_certificate_is_served_at_once(metrics, tmp_path, make_certificate):
    """Programs outlive certificates; while the files do not fit, the last pair holds."""
    first, second = make_certificate(tmp_path, "first"), make_certificate(tmp_path, "second")
    certfile, keyfile = shutil.copy(first[0], tmp_path / "crt"), shutil.copy(first[1], tmp_path / "key")
    prometheus = Prometheus(0, certfile=certfile, keyfile=keyfile)
    with Session(metrics, prometheus, inherit=False):
        assert read(prometheus, first[0])
        shutil.copy(second[0], certfile)
        assert read(prometheus, first[0])
        shutil.copy(second[1], keyfile)
        assert read(prometheus, second[0])


def test_tls_and_a_token(metrics, certificate):
    """Both, on all interfaces, asked for under the address that was connected to."""
    prometheus = Prometheus(0, "0.0.0.0", certfile=certificate[0], keyfile=certificate[1], token="t0ken")
    with Session(metrics, prometheus, inherit=False):
        assert "pegboard_task_active" in read(prometheus, certificate[0], Authorization="Bearer t0ken")


def test_files_that_cannot_be_used_are_refused(certificate, tmp_path):
    """Before anything listens; the error names the files."""
    certfile, keyfile = certificate
    encrypted = tmp_path / "encrypted.key"
    encrypted.write_text("-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n")
    for settings in (
        {"certfile": tmp_path / "absent", "keyfile": keyfile},
        {"certfile": certfile},
        {"certfile": keyfile, "keyfile": certfile},
        {"certfile": certfile, "keyfile": encrypted},
        {"keyfile": keyfile},
    ):
        with pytest.raises(ConfigError) as caught:
            Prometheus(0, **settings)
        assert (caught.value.where, caught.value.key) == ("Prometheus", "certfile")
