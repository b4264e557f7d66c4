"""The head of a request: whether it is all there, and what it says."""

from __future__ import annotations

import re
from http import HTTPStatus

from pegboard_prometheus.page.page import Request

MAX_HEAD = 8 * 1024
_END = re.compile(rb"\r?\n\r?\n")
_LINE_END = re.compile(r"\r?\n")
_LINE = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+) (\S+) HTTP/(1\.[01])", re.ASCII)
_FIELD = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*(.*?)[ \t]*")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_ADDRESS = re.compile(r"https?://([^/?#]*)(.*)", re.ASCII | re.IGNORECASE)
_ESCAPED = re.compile(r"%([0-9A-Fa-f]{2})")
_UNRESERVED = re.compile(r"[A-Za-z0-9._~-]")  # RFC 3986, 2.3: escaped or not, they are the same


class Refused(Exception):  # noqa: N818 - what happens to a request
    """Raised for what is no request, with the status to answer."""

    def __init__(self, status: HTTPStatus, text: str) -> None:
        super().__init__(status, text)
        self.status = status
        self.text = text


def parsed(data: bytes) -> Request | None:
    """Take what has come so far apart; None while the end of the head is not there.

    Raises:
        Refused: It is too long, or no request.
    """
    if data and not data[:1].isalpha():  # the greeting of another protocol; its end would never come
        raise Refused(HTTPStatus.BAD_REQUEST, "This is no HTTP request.\n")
    end = _END.search(data[:MAX_HEAD])
    if end is not None:
        return parse(data[: end.start()])
    if len(data) > MAX_HEAD:
        raise _too_long(data)
    return None


def parse(head: bytes) -> Request:
    """Take a request's head apart.

    Raises:
        Refused: It is no request.
    """
    first, *lines = _LINE_END.split(head.decode("latin-1"))
    asked = _LINE.fullmatch(first)
    fields = [_FIELD.fullmatch(line) for line in lines]
    if asked is None or not all(fields) or any(_CONTROL.search(line) for line in lines):
        raise Refused(HTTPStatus.BAD_REQUEST, "This is no HTTP/1.1 request.\n")
    headers = tuple((field[1].lower(), field[2]) for field in fields if field is not None)
    authority, target = _split(asked[2])
    path = _ESCAPED.sub(_unescaped, target.partition("?")[0])
    return Request(asked[1], path, headers, asked[3], authority)


def _split(target: str) -> tuple[str | None, str]:
    """The host that a target names, as it does when it goes by a proxy, and the rest."""
    address = _ADDRESS.fullmatch(target)
    return (None, target) if address is None else (address[1], address[2])


def _unescaped(escaped: re.Match[str]) -> str:
    character = chr(int(escaped[1], 16))
    return character if _UNRESERVED.fullmatch(character) else escaped[0]


def _too_long(data: bytes) -> Refused:
    what = f"may have {MAX_HEAD} bytes, and this one has more.\n"
    if b"\n" not in data:
        return Refused(HTTPStatus.REQUEST_URI_TOO_LONG, f"The first line of a request {what}")
    return Refused(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, f"The head of a request {what}")
