"""Reading the head of a request, and no more of it than there has to be."""

from __future__ import annotations

import re
import socket
from http import HTTPStatus

from pegboard_prometheus.page.page import Request

MAX_HEAD = 8 * 1024
_END = re.compile(rb"\r?\n\r?\n")
_LINE = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+) (\S+) HTTP/1\.[01]", re.ASCII)
_FIELD = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*(.*?)[ \t]*")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


class Refused(Exception):  # noqa: N818 - what happens to a request
    """Raised for what is no request, with the status to answer."""

    def __init__(self, status: HTTPStatus, text: str) -> None:
        super().__init__(status, text)
        self.status = status
        self.text = text


def read_request(client: socket.socket) -> Request | None:
    """Read a request's head; None when the client went away before its end.

    Raises:
        Refused: It is too long, or no request.
        OSError: The connection was cut.
    """
    data = b""
    while not _END.search(data):
        if len(data) > MAX_HEAD:
            raise _too_long(data)
        more = client.recv(MAX_HEAD + 1 - len(data))
        if not more:
            return None
        data += more
        if not data[:1].isalpha():  # the greeting of another protocol; its end would never come
            raise Refused(HTTPStatus.BAD_REQUEST, "This is no HTTP request.\n")
    return parse(data[: _END.search(data).start()])  # type: ignore[union-attr]  # found above


def parse(head: bytes) -> Request:
    """Take a request's head apart.

    Raises:
        Refused: It is no request.
    """
    first, *lines = head.decode("latin-1").split("\r\n")
    asked = _LINE.fullmatch(first)
    fields = [_FIELD.fullmatch(line) for line in lines]
    if asked is None or not all(fields) or any(_CONTROL.search(line) for line in lines):
        raise Refused(HTTPStatus.BAD_REQUEST, "This is no HTTP/1.1 request.\n")
    headers = tuple((field[1].lower(), field[2]) for field in fields if field is not None)
    return Request(asked[1], asked[2].partition("?")[0], headers)


def _too_long(data: bytes) -> Refused:
    what = f"may have {MAX_HEAD} bytes, and this one has more.\n"
    if b"\n" not in data:
        return Refused(HTTPStatus.REQUEST_URI_TOO_LONG, f"The first line of a request {what}")
    return Refused(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, f"The head of a request {what}")
