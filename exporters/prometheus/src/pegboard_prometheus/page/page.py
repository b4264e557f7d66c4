"""The one page there is, what it is asked for and what it answers, whatever serves it: the endpoint, an ASGI or a WSGI app."""

from __future__ import annotations

import gzip
import logging
from collections.abc import Callable
from concurrent.futures import Future
from http import HTTPStatus
from typing import TYPE_CHECKING

import attrs

from pegboard.privacy import loggable
from pegboard_prometheus.page.negotiation import accepts_gzip, content_type
from pegboard_prometheus.page.shared import Shared

if TYPE_CHECKING:
    from pegboard_prometheus.health.health import Health
    from pegboard_prometheus.page.access import Access

PLAIN = "text/plain; charset=utf-8"
MAX_SECONDS = 10.0  # Prometheus's own limit for a scrape
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
        version: Of HTTP.
        authority: The host of a target that is a whole address; it goes before the Host header.
    """

    method: str
    path: str
    headers: Headers
    version: str = "1.0"
    authority: str | None = None

    def values(self, name: str) -> list[str]:
        """All values of a header."""
        return [value for found, value in self.headers if found == name]

    def value(self, name: str) -> str:
        """The values of a header as one, as lists may be spread; "" without any."""
        return ", ".join(self.values(name))


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
class _Form:
    """How a client takes the metrics."""

    kind: str
    is_packed: bool


class Page:
    """The metrics, for those who may read them, and beside them what orchestrators ask, for anybody.

    All who ask while the metrics are being written get the same bytes, if they take the same format and encoding: many scrapers
    cost as much as one, and a page that many clients are slow to read is there once.

    Args:
        access: Who may.
        render: Writes the metrics in a format; None while there are none, as no session is open.
        health: Answers the others.
    """

    def __init__(self, access: Access, render: Render, health: Health) -> None:
        self._access = access
        self._render = render
        self._health = health
        self._written: Shared[_Form, Response] = Shared("pegboard-prometheus-page", self._write)

    def ask(
        self, request: Request, local_address: str | None, *, path: str | None = None
    ) -> Future[Response]:
        """Answer a request, now or when the metrics are written.

        Args:
            request: What is asked for.
            local_address: The address that the client has connected to, if it is known.
            path: Where the page is; None when it is wherever whoever called this is asked, as an app is. What orchestrators ask
                is beside it, or below an app.
        """
        known = self._of_health(request, path) or self._refused(request, local_address, path)
        if known is not None:
            answer: Future[Response] = Future()
            answer.set_result(known)
            return answer
        is_packed = accepts_gzip(request.value("accept-encoding"))
        return self._written.ask(_Form(content_type(request.value("accept")), is_packed))

    def settle(self, seconds: float) -> None:
        """Wait for the metrics that are being written."""
        self._written.settle(seconds)

    def _of_health(self, request: Request, path: str | None) -> Response | None:
        """Answer what orchestrators ask, whoever asks under whatever name; None where the page is asked for."""
        folder, _, name = request.path.rstrip("/").rpartition("/")
        question = self._health.question(name) if path is None or not folder else None
        if question is None:
            return None
        if request.method not in _METHODS:
            return _not_allowed()
        trouble = question()
        status = HTTPStatus.SERVICE_UNAVAILABLE if trouble else HTTPStatus.OK
        return _response(status, PLAIN, f"{trouble or 'ok'}\n".encode())

    def _refused(self, request: Request, local_address: str | None, path: str | None) -> Response | None:
        refused = self._refused_host(request, local_address)
        if refused is not None:
            return refused
        if request.method not in _METHODS:
            return _not_allowed()
        token = self._access.token
        if token is not None and not token.admits(request.value("authorization")):
            return _unauthorized(request)
        if path is not None and request.path.removesuffix("/") != path:
            return refusal(HTTPStatus.NOT_FOUND, f"The metrics are at {path}.\n")
        return None

    def _refused_host(self, request: Request, local_address: str | None) -> Response | None:
        hosts = request.values("host")
        if len(hosts) > 1 or (not hosts and request.version == "1.1"):
            return refusal(HTTPStatus.BAD_REQUEST, "A request of HTTP/1.1 has one Host header.\n")
        asked = hosts if request.authority is None else [request.authority]
        if all(self._access.allows(host, local_address) for host in asked):
            return None
        return refusal(
            HTTPStatus.MISDIRECTED_REQUEST,
            "This page is not known under the name in the Host header: a web page may not read it under a name of its "
            "own.\nIt is under localhost, and under the names in Prometheus(allowed_hosts=[...]).\n",
        )

    def _write(self, form: _Form) -> Response:
        if form.is_packed:
            return _packed(self._written.ask(_Form(form.kind, is_packed=False)).result())
        try:
            body = self._render(form.kind)
        except BaseException as error:  # noqa: BLE001 - whatever a collector raises, SystemExit too: the page stays
            _log.error("the metrics could not be written", exc_info=loggable(error))
            return refusal(
                HTTPStatus.INTERNAL_SERVER_ERROR,
                f"The metrics could not be written: {type(error).__name__}. The log of the process tells more.\n",
            )
        if body is None:
            return _unavailable("No session with this exporter is open.\n")
        return _response(HTTPStatus.OK, form.kind, body, ("Vary", "Accept, Accept-Encoding"))


def too_late() -> Response:
    """Make the answer for who has waited long enough for the metrics."""
    return _unavailable(f"The metrics were not written within {MAX_SECONDS:g} s.\n")


def full() -> Response:
    """Make the answer for who finds no place."""
    return _unavailable("There are as many connections as there may be.\n")


def refusal(status: HTTPStatus, text: str, *headers: tuple[str, str]) -> Response:
    """Make an answer that says why there is no other."""
    return _response(status, PLAIN, text.encode(), *headers)


def _not_allowed() -> Response:
    allowed = ", ".join(_METHODS)
    return refusal(HTTPStatus.METHOD_NOT_ALLOWED, f"{allowed} only.\n", ("Allow", allowed))


def _unavailable(text: str) -> Response:
    return refusal(HTTPStatus.SERVICE_UNAVAILABLE, text, ("Retry-After", "1"))


def _packed(plain: Response) -> Response:
    if plain.status is not HTTPStatus.OK:
        return plain
    named = dict(plain.headers)
    return _response(
        HTTPStatus.OK,
        named["Content-Type"],
        gzip.compress(plain.body, 6),
        ("Vary", named["Vary"]),
        ("Content-Encoding", "gzip"),
    )


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
