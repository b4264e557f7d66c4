"""The one page there is, what it is asked for and what it answers, whatever serves it: the endpoint, an ASGI or a WSGI app."""

from __future__ import annotations

import gzip
import logging
from collections.abc import Callable
from http import HTTPStatus
from typing import TYPE_CHECKING

import attrs

from pegboard_prometheus.page.exposition import accepts_gzip, content_type

if TYPE_CHECKING:
    from pegboard_prometheus.page.access import Access

PLAIN = "text/plain; charset=utf-8"
_METHODS = ("GET", "HEAD")
_log = logging.getLogger("pegboard.prometheus")

Render = Callable[[str], bytes | None]
Headers = tuple[tuple[str, str], ...]


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


@attrs.frozen
class Response:
    """What a client is answered.

    Attributes:
        headers: Names and values.
        body: Not sent in answer to HEAD; its length is.
    """

    status: HTTPStatus
    headers: Headers
    body: bytes


@attrs.frozen
class Page:
    """The metrics, for those who may read them.

    Attributes:
        access: Who may.
        render: Writes the metrics in a format; None while there are none, as no session is open.
    """

    access: Access
    render: Render

    def answer(self, request: Request, local_address: str | None, *, path: str | None = None) -> Response:
        """Answer a request.

        Args:
            request: What is asked for.
            local_address: The address that the client has connected to, if it is known.
            path: Where the page is; None when whoever called this has looked at the path already.
        """
        if not all(self.access.allows(host, local_address) for host in request.values("host")):
            return refusal(
                HTTPStatus.MISDIRECTED_REQUEST,
                "This page is not known under the name in the Host header: a web page may not read it under a name of its "
                "own.\nIt is under localhost, and under the names in Prometheus(allowed_hosts=[...]).\n",
            )
        if request.method not in _METHODS:
            allowed = ", ".join(_METHODS)
            return refusal(HTTPStatus.METHOD_NOT_ALLOWED, f"{allowed} only.\n", ("Allow", allowed))
        if self.access.token is not None and not self.access.token.admits(request.value("authorization")):
            return _unauthorized(request)
        if path is not None and request.path != path:
            return refusal(HTTPStatus.NOT_FOUND, f"The metrics are at {path}.\n")
        return self._metrics(request)

    def _metrics(self, request: Request) -> Response:
        kind = content_type(request.value("accept"))
        try:
            body = self.render(kind)
        except Exception as error:  # noqa: BLE001 - whatever a user's collector raises, the page stays
            _log.exception("the metrics could not be collected")
            return refusal(
                HTTPStatus.INTERNAL_SERVER_ERROR,
                f"The metrics could not be collected: {type(error).__name__}. The log of the process tells more.\n",
            )
        if body is None:
            return refusal(
                HTTPStatus.SERVICE_UNAVAILABLE,
                "No session with this exporter is open.\n",
                ("Retry-After", "1"),
            )
        vary = ("Vary", "Accept, Accept-Encoding")
        if accepts_gzip(request.value("accept-encoding")):
            return _response(HTTPStatus.OK, kind, gzip.compress(body, 6), vary, ("Content-Encoding", "gzip"))
        return _response(HTTPStatus.OK, kind, body, vary)


def refusal(status: HTTPStatus, text: str, *headers: tuple[str, str]) -> Response:
    """Make an answer that says why there is no other."""
    return _response(status, PLAIN, text.encode(), *headers)


def _unauthorized(request: Request) -> Response:
    tried = request.value("authorization")
    challenge = 'Bearer realm="pegboard"' + (', error="invalid_token"' if tried else "")
    text = "The token is wrong.\n" if tried else "The metrics take a token: Authorization: Bearer <token>.\n"
    return refusal(HTTPStatus.UNAUTHORIZED, text, ("WWW-Authenticate", challenge))


def _response(status: HTTPStatus, kind: str, body: bytes, *headers: tuple[str, str]) -> Response:
    always = (
        ("Content-Type", kind),
        ("Content-Length", str(len(body))),
        ("Cache-Control", "no-store"),
        ("X-Content-Type-Options", "nosniff"),
    )
    return Response(status, (*always, *headers), body)
