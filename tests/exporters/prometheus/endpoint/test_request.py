"""Reading requests, from raw sockets: what is none, and what is too much."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pegboard_prometheus.endpoint.request import MAX_HEAD, Refused, parse

GET = b"GET /metrics HTTP/1.0\r\n"


def padded(length):
    """A request whose head has so many bytes, its end included."""
    rest = length - len(GET) - len(b"X: \r\n\r\n")
    return GET + b"X: " + b"a" * rest + b"\r\n\r\n"


def status(client):
    return int(client.makefile("rb").readline().split()[1])


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
        (b"\r\n\r\n", 400),
        (GET.replace(b"1.0", b"9"), 400),
        (GET.replace(b"1.0", b"2.0") + b"\r\n", 400),
        (b"GET /metrics\r\n\r\n", 400),
        (b"GET  /metrics HTTP/1.1\r\n\r\n", 400),
        (GET + b"Host : localhost\r\n\r\n", 400),
        (GET + b"X: a\r\n folded\r\n\r\n", 400),
        (GET + b"X: a\x00b\r\n\r\n", 400),
        (GET + b"no colon\r\n\r\n", 400),
        (b"GET /metrics HTTP/1.0\n\n", 200),
        (b"GET /metrics HTTP/1.1\nHost: localhost\n\n", 200),
        (GET + b"X: a\rb\r\n\r\n", 400),
        (b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\n\r\n", 414),
        (padded(70_000), 431),
        (GET + b"X: a\r\n" * 2_000 + b"\r\n", 431),
    ],
    ids=lambda value: repr(value[:40]) if isinstance(value, bytes) else str(value),
)
def test_what_is_no_request_is_refused(session, prometheus, connect, scrape, data, expected):
    """With the status of its fault, and at once; the next scrape is answered."""
    data = data if data.endswith(b"\n\n") or b"\r\n\r\n" in data else data + b"\r\n\r\n"
    assert status(connect(prometheus.port, data)) == expected
    assert scrape().status == 200


@pytest.mark.parametrize(("length", "expected"), [(MAX_HEAD, 200), (MAX_HEAD + 2, 431)])
def test_a_head_has_at_most_8_kb(session, prometheus, connect, length, expected):
    """8192 bytes are answered, and more are refused with 431."""
    assert MAX_HEAD == 8192
    data = padded(length)
    assert len(data) == length
    assert status(connect(prometheus.port, data)) == expected


def test_a_head_without_end_is_refused_at_its_limit(session, prometheus, connect):
    """Its end is not waited for."""
    assert status(connect(prometheus.port, GET + b"X: " + b"a" * MAX_HEAD)) == 431


def test_a_refusal_arrives_although_more_was_sent(session, prometheus, connect):
    """A connection that is closed over unread data is reset, and the reason would be lost."""
    body = b"a" * 300_000
    data = b"POST /metrics HTTP/1.0\r\nContent-Length: 300000\r\n\r\n" + body
    answer = connect(prometheus.port, data).makefile("rb").read()
    assert answer.startswith(b"HTTP/1.1 405 ")
    assert answer.endswith(b"GET, HEAD only.\n")


@pytest.mark.parametrize(
    ("more", "expected"),
    [(b"GET /metrics HTTP/1.0\r\n\r\n" * 2_000, 200), (b"X: " + b"a" * 2**20, 431)],
    ids=["pipelined", "1 MB"],
)
def test_an_answer_arrives_whatever_follows_the_request(session, prometheus, connect, more, expected):
    """Further requests are not answered, and what is too long is not read to its end; the answer is whole."""
    data = GET + b"\r\n" + more if expected == 200 else GET + more
    head, _, body = connect(prometheus.port, data).makefile("rb").read().partition(b"\r\n\r\n")
    assert head.startswith(f"HTTP/1.1 {expected} ".encode())
    assert f"Content-Length: {len(body)}".encode() in head
    assert b"Connection: close" in head


def test_a_request_in_pieces_is_read_as_one(session, prometheus, connect):
    """Its end may be split anywhere."""
    client = connect(prometheus.port)
    for byte in GET + b"\r\n":
        client.sendall(bytes([byte]))
    assert status(client) == 200


@given(st.binary(max_size=200))
def test_any_bytes_are_a_request_or_refused(data):
    """Nothing else comes out of reading a head."""
    try:
        request = parse(data)
    except Refused:
        return
    assert request.method
    assert "?" not in request.path
