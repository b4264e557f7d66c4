"""Reading the head of a request, and no more of it than there has to be."""

from __future__ import annotations

import re
import socket
from http import HTTPStatus

import attrs

HEAD_MOST = 8 * 1024
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


@attrs.frozen
class Request:
    """What a client asks for.

    Attributes:
        method: In capitals, as it came.
        path: Without the query.
        headers: Names in lower case, and values, in their order.
    """

    method: str
    path: str
    headers: tuple[tuple[str, str], ...]

    def values(self, name: str) -> list[str]:
        """All values of a header."""
        return [value for found, value in self.headers if found == name]

    def value(self, name: str) -> str:
        """The values of a header as one, as lists may be spread; "" without any."""
        return ", ".join(self.values(name))

    @property
    def has_body(self) -> bool:
        """Whether more follows than the head."""
        return any(name in {"content-length", "transfer-encoding"} for name, _ in self.headers)


def read_request(client: socket.socket) -> Request | None:
    """Read a request's head; None when the client went away before its end.

    Raises:
        Refused: It is too long, or no request.
        OSError: The connection was cut.
    """
    data = b""
    while not _END.search(data):
        if len(data) > HEAD_MOST:
            raise _too_long(data)
        more = client.recv(HEAD_MOST + 1 - len(data))
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
    what = f"may have {HEAD_MOST} bytes, and this one has more.\n"
    if b"\n" not in data:
        return Refused(HTTPStatus.REQUEST_URI_TOO_LONG, f"The first line of a request {what}")
    return Refused(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, f"The head of a request {what}")
