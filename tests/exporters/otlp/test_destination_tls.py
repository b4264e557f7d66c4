"""Certificates and keys of the environment, with real servers, for both protocols."""

from __future__ import annotations

import os
import ssl
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import grpc
import pytest
from tests.exporters.otlp.conftest import answer

from pegboard import ConfigError
from pegboard_otlp import OTLP
from pegboard_otlp._destination import destination_of
from pegboard_otlp._line import Line


@pytest.fixture(scope="module")
def https(certificate):
    """The address of a server that knows its clients by the certificate that it has itself."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *args):
            pass

    certfile, keyfile = certificate
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certfile, keyfile)
    context.load_verify_locations(certfile)
    context.verify_mode = ssl.CERT_REQUIRED
    server = HTTPServer(("127.0.0.1", 0), Handler)
    server.handle_error = lambda *args: None
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield f"https://localhost:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture(scope="module")
def grpcs(certificate):
    """The same with gRPC."""
    certfile, keyfile = (file.read_bytes() for file in certificate)
    server = grpc.server(ThreadPoolExecutor(1))
    handler = grpc.unary_unary_rpc_method_handler(lambda request, context: b"")
    service = "opentelemetry.proto.collector.trace.v1.TraceService"
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, {"Export": handler}),))
    credentials = grpc.ssl_server_credentials(
        [(keyfile, certfile)], root_certificates=certfile, require_client_auth=True
    )
    port = server.add_secure_port("127.0.0.1:0", credentials)
    server.start()
    yield f"https://localhost:{port}"
    server.stop(None).wait()


@pytest.fixture(params=["http/protobuf", "grpc"])
def send(request, https, grpcs):
    """Sends one request, and returns the reply."""

    def send():
        url = grpcs if request.param == "grpc" else https
        line = Line(destination_of("traces", OTLP(url, protocol=request.param, timeout=1.0)._request))
        try:
            return line.send(b"")
        finally:
            line.close()

    return send


def test_a_back_end_and_a_client_that_trust_each_other(send, certificate, monkeypatch):
    """What the signal's own variables name goes first, and before what `requests` would read."""
    certfile, keyfile = map(str, certificate)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nowhere")
    os.environ |= {
        "OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE": certfile,
        "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE": certfile,
        "OTEL_EXPORTER_OTLP_CLIENT_KEY": keyfile,
    }
    assert send().state == "arrived"


def test_a_redirect_to_encryption_is_followed(receiver, https, certificate):
    """On the same host, with the request as it was; what is not encrypted gets nothing else."""
    certfile, keyfile = map(str, certificate)
    os.environ |= {
        "OTEL_EXPORTER_OTLP_CERTIFICATE": certfile,
        "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE": certfile,
        "OTEL_EXPORTER_OTLP_CLIENT_KEY": keyfile,
    }
    receiver.answers = [answer(308, {"Location": f"{https.replace('localhost', '127.0.0.1')}/v1/traces"})]
    line = Line(destination_of("traces", OTLP(receiver.url)._request))
    assert line.send(b"").state == "arrived"
    line.close()
    assert receiver.paths == ["/v1/traces"]


def test_one_file_may_hold_certificate_and_key(send, certificate, tmp_path):
    """As some tools write it."""
    both = tmp_path / "both.pem"
    both.write_bytes(b"".join(file.read_bytes() for file in certificate))
    os.environ |= {
        "OTEL_EXPORTER_OTLP_CERTIFICATE": str(certificate[0]),
        "OTEL_EXPORTER_OTLP_TRACES_CLIENT_CERTIFICATE": str(both),
    }
    assert send().state == "arrived"


def test_a_back_end_that_nobody_vouches_for_gets_nothing(send):
    """Its certificate is its own."""
    assert send().state == "lost"


def test_a_client_without_a_certificate_is_not_let_in(send, certificate):
    """Where the back end asks for one."""
    os.environ["OTEL_EXPORTER_OTLP_CERTIFICATE"] = str(certificate[0])
    assert send().state == "lost"


def test_a_key_without_a_certificate_is_refused(certificate):
    """It would be shown to nobody."""
    os.environ["OTEL_EXPORTER_OTLP_CLIENT_KEY"] = str(certificate[1])
    with pytest.raises(ConfigError, match="no client certificate") as caught:
        destination_of("traces", OTLP()._request)
    assert caught.value.where == "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE"


@pytest.mark.parametrize("what", ["CERTIFICATE", "CLIENT_CERTIFICATE"])
def test_a_file_that_is_no_certificate_is_refused(tmp_path, what):
    """When the session starts, and not at the first request."""
    (tmp_path / "odd.pem").write_text("odd")
    os.environ[f"OTEL_EXPORTER_OTLP_{what}"] = str(tmp_path / "odd.pem")
    with pytest.raises(ConfigError, match="holds no certificate") as caught:
        destination_of("traces", OTLP()._request)
    assert caught.value.where == f"OTEL_EXPORTER_OTLP_{what}"
