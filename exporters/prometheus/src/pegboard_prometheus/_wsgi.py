"""The page as a WSGI app."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import attrs

from pegboard_prometheus.endpoint.request import Request

if TYPE_CHECKING:
    from pegboard_prometheus.page.page import Page

StartResponse = Callable[[str, list[tuple[str, str]]], Any]


@attrs.frozen
class WSGIApp:
    """Serves the metrics inside any WSGI server or framework, at whatever path it is mounted.

    Attributes:
        page: What is served.
    """

    page: Page

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        request = _request(environ)
        response = self.page.answer(request, None)
        start_response(f"{response.status.value} {response.status.phrase}", list(response.headers))
        return [b"" if request.method == "HEAD" else response.body]


def _request(environ: dict[str, Any]) -> Request:
    headers = tuple(
        (name.removeprefix("HTTP_").replace("_", "-").lower(), value)
        for name, value in environ.items()
        if name.startswith("HTTP_")
    )
    return Request(environ["REQUEST_METHOD"], environ.get("PATH_INFO", ""), headers)
