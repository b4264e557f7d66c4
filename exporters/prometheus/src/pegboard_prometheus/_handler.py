"""One request: GET or HEAD of /metrics, from this machine."""

from __future__ import annotations

import logging
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from pegboard_prometheus._address import LOOPBACK_NAMES
from pegboard_prometheus._exposition import content_type

if TYPE_CHECKING:
    from pegboard_prometheus._server import Connection

_log = logging.getLogger("pegboard.prometheus")
_PLAIN = "text/plain; charset=utf-8"


class Handler(BaseHTTPRequestHandler):
    """Answers one request and closes the connection (HTTP/1.0), so that nothing idle is kept."""

    server: Connection  # type: ignore[assignment]  # all that is needed of a server
    timeout = None  # the server closes connections that take too long, however slowly they trickle

    def do_GET(self) -> None:
        """Answer with the metrics."""
        self.server.request_read()
        if self._from_elsewhere():
            self._answer(
                HTTPStatus.MISDIRECTED_REQUEST,
                "This endpoint answers requests to localhost and 127.0.0.1 only: a page of another name may not read it.\n",
            )
        elif self.path.partition("?")[0] != "/metrics":
            self._answer(HTTPStatus.NOT_FOUND, "The metrics are at /metrics.\n")
        else:
            self._answer_metrics()

    do_HEAD = do_GET  # noqa: N815 - http.server's name; `_answer` leaves the body out

    def __getattr__(self, name: str) -> Callable[[], None]:
        """Refuse every other method: http.server looks for `do_<METHOD>`."""
        if name.startswith("do_"):
            return self._refuse_method
        raise AttributeError(name)

    def version_string(self) -> str:
        """Name the server without versions."""
        return "pegboard"

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - http.server's name
        """Log at debug level, where http.server would write to standard error."""
        _log.debug("%r", format % args)

    def _answer_metrics(self) -> None:
        kind = content_type(self.headers.get("Accept", ""))
        try:
            body = self.server.render(kind)
        except Exception as error:  # noqa: BLE001 - whatever a user's collector raises, the endpoint stays
            _log.exception("the metrics could not be collected")
            self._answer(
                HTTPStatus.INTERNAL_SERVER_ERROR,
                f"The metrics could not be collected: {type(error).__name__}. The log of the process tells more.\n",
            )
            return
        self._answer(HTTPStatus.OK, body, kind)

    def _refuse_method(self) -> None:
        self.server.request_read()
        self._answer(HTTPStatus.METHOD_NOT_ALLOWED, "GET and HEAD only.\n", Allow="GET, HEAD")

    def _from_elsewhere(self) -> bool:
        """Whether a Host header names anything but this machine; DNS rebinding looks like that."""
        allowed = LOOPBACK_NAMES | {self.server.ip}
        return any(_hostname(host) not in allowed for host in self.headers.get_all("Host", []))

    def _answer(self, status: HTTPStatus, body: bytes | str, kind: str = _PLAIN, **headers: str) -> None:
        content = body.encode() if isinstance(body, str) else body
        self.send_response(status)
        headers |= {"Content-Type": kind, "Content-Length": str(len(content))}
        for name, value in {**headers, "X-Content-Type-Options": "nosniff"}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)


def _hostname(host: str) -> str | None:
    try:
        return urlsplit(f"//{host.strip()}").hostname
    except ValueError:
        return None
