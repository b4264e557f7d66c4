"""Arguments and variables: which goes where, which wins, and that no credential is ever shown."""

from __future__ import annotations

import gzip
import os
import re
import zlib

import pytest
from tests.exporters.otlp.conftest import answer

from pegboard import ConfigError, Session
from pegboard_otlp import OTLP
from pegboard_otlp._address import parse_address
from pegboard_otlp._destination import Destination, Request, destination_of
from pegboard_otlp._environment import Files
from pegboard_otlp._line import Line

CANARY = "s3cr3t-canary"
NOTHING = Request(None, None, {}, None)


def asked(**arguments):
    return OTLP(**arguments)._request


def url_of(signal="traces", request=NOTHING):
    return destination_of(signal, request).address.url


def test_the_default_is_a_collector_on_this_machine():
    """Port 4318 for HTTP, with a path for each signal; 4317 for gRPC, without."""
    assert url_of("traces") == "http://localhost:4318/v1/traces"
    assert url_of("metrics") == "http://localhost:4318/v1/metrics"
    assert url_of("logs") == "http://localhost:4318/v1/logs"
    assert url_of(request=asked(protocol="grpc")) == "http://localhost:4317"


@pytest.mark.parametrize("given", ["https://host/otlp", "https://host/otlp/", "https://host/otlp/v1/traces"])
def test_the_path_of_the_signal_is_added_to_an_endpoint(given):
    """With and without a slash; an endpoint that has it already is taken as meant."""
    assert url_of("metrics", asked(endpoint=given)) == "https://host/otlp/v1/metrics"


def test_the_general_variable_gets_the_path_and_the_signals_own_does_not():
    """As the specification has it, and the signal's own goes first."""
    os.environ["OTEL_EXPORTER_OTLP_ENDPOINT"] = "http://all:1/base"
    os.environ["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"] = "http://spans:2/as-it-is"
    assert url_of("traces") == "http://spans:2/as-it-is"
    assert url_of("metrics") == "http://all:1/base/v1/metrics"


@pytest.mark.parametrize(
    "given",
    [
        "http://host:1/ingest/otlp/",
        "http://host:1/ingest/otlp",
        "http://host:1/",
        "http://host:1",
        "http://host:1/v1/traces/",
        "http://host:1//a//",
        "http://host:1/in?tenant=a%20b&key=7",
        "http://host:1/?key=7",
        "https://[::1]:1/in/",
    ],
)
@pytest.mark.parametrize("signal", ["traces", "metrics", "logs"])
def test_the_endpoint_of_a_signal_is_taken_as_it_is(signal, given):
    """With its slashes, its query, and nothing added."""
    os.environ[f"OTEL_EXPORTER_OTLP_{signal.upper()}_ENDPOINT"] = f" {given} "
    assert url_of(signal) == given


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("http://host:1", "http://host:1/v1/logs"),
        ("http://host:1/", "http://host:1/v1/logs"),
        ("http://host:1/in/", "http://host:1/in/v1/logs"),
        ("http://host:1/in/v1/logs", "http://host:1/in/v1/logs/v1/logs"),
        ("http://host:1/in?key=7", "http://host:1/in/v1/logs?key=7"),
    ],
)
def test_the_general_endpoint_is_a_base(given, meant):
    """The path of the signal is added, whatever it ends in."""
    os.environ["OTEL_EXPORTER_OTLP_ENDPOINT"] = given
    assert url_of("logs") == meant


def test_the_path_reaches_the_back_end_as_it_is(receiver):
    """Slash and query included."""
    os.environ["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"] = f"{receiver.url}/ingest/otlp/?tenant=a%20b"
    receiver.answers = [answer(200)]
    line = Line(destination_of("traces", NOTHING))
    assert line.send(b"").state == "arrived"
    line.close()
    assert receiver.paths == ["/ingest/otlp/?tenant=a%20b"]


def test_an_empty_variable_is_unset():
    """Each of them, also of a signal, where the general one then counts."""
    words = (
        "ENDPOINT",
        "PROTOCOL",
        "HEADERS",
        "TIMEOUT",
        "COMPRESSION",
        "CERTIFICATE",
        "CLIENT_KEY",
        "INSECURE",
    )
    os.environ |= {f"OTEL_EXPORTER_OTLP_{word}": " " for word in (*words, "CLIENT_CERTIFICATE")}
    os.environ |= {f"OTEL_EXPORTER_OTLP_LOGS_{word}": "" for word in (*words, "CLIENT_CERTIFICATE")}
    assert destination_of("logs", NOTHING) == Destination(
        "logs",
        "http/protobuf",
        parse_address("http://localhost:4318/v1/logs", "", ""),
        {},
        timeout=10.0,
        compression="none",
        files=Files(None, None, None),
    )
    os.environ |= {"OTEL_EXPORTER_OTLP_TIMEOUT": "3", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://all:1"}
    found = destination_of("logs", NOTHING)
    assert (found.timeout, found.address.url) == (3.0, "http://all:1/v1/logs")


@pytest.mark.parametrize("protocol", ["http/protobuf", "grpc"])
def test_timeout_and_compression_of_a_signal_go_first(protocol):
    """For both protocols; an argument goes before them."""
    os.environ |= {
        "OTEL_EXPORTER_OTLP_PROTOCOL": protocol,
        "OTEL_EXPORTER_OTLP_TIMEOUT": "7",
        "OTEL_EXPORTER_OTLP_LOGS_TIMEOUT": "0.5",
        "OTEL_EXPORTER_OTLP_COMPRESSION": "gzip",
        "OTEL_EXPORTER_OTLP_LOGS_COMPRESSION": "None",
    }
    found = [destination_of(signal, NOTHING) for signal in ("traces", "logs")]
    assert [(each.timeout, each.compression) for each in found] == [(7.0, "gzip"), (0.5, "none")]
    assert destination_of("logs", asked(timeout=2)).timeout == 2


@pytest.mark.parametrize(
    ("given", "seconds"), [("2", 2), ("0.5", 0.5), ("999", 999), ("1000", 1), ("10000", 10)]
)
def test_a_large_timeout_is_meant_in_milliseconds(given, seconds):
    """As the specification has them; small ones are seconds, as OpenTelemetry for Python reads them."""
    os.environ["OTEL_EXPORTER_OTLP_LOGS_TIMEOUT"] = given
    assert destination_of("logs", NOTHING).timeout == seconds


@pytest.mark.parametrize("compression", ["gzip", "deflate", "none"])
def test_a_request_is_compressed_as_asked(receiver, compression):
    """And says so in its header."""
    os.environ["OTEL_EXPORTER_OTLP_COMPRESSION"] = compression
    seen = []

    def keep(handler, body):
        seen.append((handler.headers["content-encoding"], body))
        answer(200)(handler, body)

    receiver.answers = [keep]
    line = Line(destination_of("traces", asked(endpoint=receiver.url)))
    assert line.send(b"body").state == "arrived"
    line.close()
    undo = {"gzip": gzip.decompress, "deflate": zlib.decompress, "none": bytes}[compression]
    ((name, body),) = seen
    assert (name, undo(body)) == (None if compression == "none" else compression, b"body")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("api-key=a%20b%2Cc%3Dd", {"api-key": "a b,c=d"}),
        ("Authorization=Basic dXNlcjpwYXNz==", {"authorization": "Basic dXNlcjpwYXNz=="}),
        ("a=1, b = 2 ,,c=", {"a": "1", "b": "2", "c": ""}),
        ("a=1%2B1+1", {"a": "1+1+1"}),
        ("a=1,A=2", {"a": "2"}),
        ("x%2Dkey=1", {"x-key": "1"}),
        ("a=100%", {"a": "100%"}),
    ],
)
def test_headers_of_the_environment_are_decoded(text, found):
    """As the specification has it: pairs with commas between them, URL-encoded."""
    os.environ["OTEL_EXPORTER_OTLP_HEADERS"] = text
    assert destination_of("traces", NOTHING).headers == found


def test_an_argument_wins_over_every_variable():
    """Endpoint, protocol and header."""
    os.environ |= {
        "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://elsewhere:1/x",
        "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc",
        "OTEL_EXPORTER_OTLP_HEADERS": "Tenant=1,kept=a%20b",
    }
    request = asked(endpoint="http://here:2", protocol="http/protobuf", headers={"Tenant": "2"})
    found = destination_of("traces", request)
    assert (found.address.url, found.protocol) == ("http://here:2/v1/traces", "http/protobuf")
    assert found.headers == {"tenant": "2", "kept": "a b"}


def test_a_signals_own_variables_go_before_the_general_ones():
    """Protocol and headers, for that signal alone."""
    os.environ |= {
        "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc",
        "OTEL_EXPORTER_OTLP_METRICS_PROTOCOL": "http/protobuf",
        "OTEL_EXPORTER_OTLP_HEADERS": "a=1",
        "OTEL_EXPORTER_OTLP_METRICS_HEADERS": "b=2",
    }
    spans, numbers = destination_of("traces", NOTHING), destination_of("metrics", NOTHING)
    assert (spans.protocol, spans.headers) == ("grpc", {"a": "1"})
    assert (numbers.protocol, numbers.headers) == ("http/protobuf", {"b": "2"})


def test_grpc_without_a_scheme_is_encrypted_unless_the_environment_says_not():
    """OTEL_EXPORTER_OTLP_INSECURE decides."""
    os.environ["OTEL_EXPORTER_OTLP_ENDPOINT"] = "host:4317"
    assert url_of(request=asked(protocol="grpc")) == "https://host:4317"
    os.environ["OTEL_EXPORTER_OTLP_INSECURE"] = "true"
    assert url_of(request=asked(protocol="grpc")) == "http://host:4317"


def test_name_and_password_in_an_endpoint_become_a_header():
    """And leave the address; a header that was given wins."""
    endpoint = f"http://user:{CANARY}%21@host:1"
    found = destination_of("traces", asked(endpoint=endpoint))
    assert found.address.url == "http://host:1/v1/traces"
    assert found.headers["authorization"].startswith("Basic ")
    mine = destination_of("traces", asked(endpoint=endpoint, headers={"Authorization": "Bearer x"}))
    assert mine.headers["authorization"] == "Bearer x"


def test_a_query_is_sent_and_not_shown():
    """Some back ends take their token there."""
    found = destination_of("traces", asked(endpoint=f"http://host:1/otlp?token={CANARY}"))
    assert found.address.url == f"http://host:1/otlp/v1/traces?token={CANARY}"
    assert found.address.shown == "http://host:1/otlp/v1/traces"


def test_an_ipv6_address_keeps_its_brackets():
    """Or its port could not be told."""
    assert url_of(request=asked(endpoint="http://[::1]:4318")) == "http://[::1]:4318/v1/traces"


@pytest.mark.parametrize(
    "arguments",
    [
        {"endpoint": f"ftp://{CANARY}@host"},
        {"endpoint": f"host:4318/{CANARY}"},
        {"endpoint": f"http://{CANARY}:notaport"},
        {"endpoint": f"http://host:1/ {CANARY}"},
        {"endpoint": f"http://[{CANARY}"},
        {"endpoint": ""},
        {"protocol": "http/json"},
        {"headers": {"a b": CANARY}},
        {"headers": {"a": f"{CANARY}\n"}},
        {"headers": {"a": f"{CANARY}ä"}},
        {"timeout": 0},
        {"flush_timeout": -1},
        {"flush_timeout": float("nan")},
        {"metric_interval": 0},
        {"traces": False, "metrics": False},
    ],
    ids=repr,
)
def test_an_argument_that_cannot_be_used_is_refused(arguments):
    """When it is written, with a way out, and without showing what may be a credential."""
    with pytest.raises(ConfigError) as caught:
        OTLP(**arguments)
    assert caught.value.where == "OTLP"
    assert caught.value.key in arguments
    assert CANARY not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize(
    "arguments",
    [
        {"endpoint": 4318},
        {"headers": "a=1"},
        {"headers": {"a": 1}},
        {"timeout": "1"},
        {"flush_timeout": True},
    ],
    ids=repr,
)
def test_an_argument_of_another_type_is_refused(arguments):
    """When it is written."""
    with pytest.raises(TypeError, match=f"OTLP.+{next(iter(arguments))}"):
        OTLP(**arguments)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", f"localhost:{CANARY}"),
        ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", f"unix:///{CANARY}"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", CANARY),
        ("OTEL_EXPORTER_OTLP_HEADERS", CANARY),
        ("OTEL_EXPORTER_OTLP_HEADERS", f"a=1,b c={CANARY}"),
        ("OTEL_EXPORTER_OTLP_HEADERS", f'a="{CANARY}"'),
        ("OTEL_EXPORTER_OTLP_CERTIFICATE", f"/nowhere/{CANARY}"),
        ("OTEL_EXPORTER_OTLP_METRICS_CLIENT_CERTIFICATE", "/"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", CANARY),
        ("OTEL_EXPORTER_OTLP_METRICS_TIMEOUT", "0"),
        ("OTEL_EXPORTER_OTLP_COMPRESSION", CANARY),
        ("OTEL_METRIC_EXPORT_INTERVAL", CANARY),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "0"),
        ("OTEL_BSP_SCHEDULE_DELAY", CANARY),
    ],
)
def test_a_variable_that_cannot_be_used_stops_the_session(metrics, name, value, caplog):
    """When the session starts, naming the variable; its value is in no text and no log."""
    os.environ[name] = value
    with pytest.raises(ConfigError) as caught:
        Session(metrics, OTLP(), inherit=False).__enter__()
    assert caught.value.where == name
    assert name in str(caught.value)
    assert CANARY not in str(caught.value) + caplog.text


def test_the_repr_shows_no_credential():
    """Neither those of the address nor those of the headers."""
    otlp = OTLP(f"http://u:{CANARY}@host:1/?key={CANARY}", headers={"authorization": CANARY})
    assert CANARY not in repr(otlp) + repr(otlp._request) + repr(destination_of("traces", otlp._request))
    assert "http://host:1" in repr(otlp)


@pytest.mark.parametrize("text", ["http://u:p@h:1/a?b#c", "https://h"], ids=repr)
def test_an_address_read_again_is_the_same(text):
    """What is shown is an address in its turn."""
    address = parse_address(text, "OTLP", "endpoint")
    assert parse_address(address.url, "OTLP", "endpoint").url == address.url
    assert not re.search("[@#]", address.url)


@pytest.mark.parametrize(
    ("one", "other", "may"),
    [
        ("http://h:1/a", "http://h:1/b?c", True),
        ("http://h/a", "http://h:80/b", True),
        ("https://[::1]:443/a", "https://[::1]/a", True),
        ("http://h/a", "https://h/a", True),
        ("http://h:4318/a", "https://H:4319/a", True),
        ("https://h/a", "http://h/a", False),
        ("http://h:1/a", "http://h:2/a", False),
        ("https://h/a", "https://h.example/a", False),
        ("http://h/a", "https://other/a", False),
    ],
)
def test_credentials_are_led_to_nobody_else(one, other, may):
    """The same server, or the same host with encryption where there was none."""
    first, second = (parse_address(text, "OTLP", "endpoint") for text in (one, other))
    assert first.may_lead_to(second) is may
