"""The page as an app inside a web server or framework: ASGI and WSGI."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import TYPE_CHECKING, Any

import attrs

from pegboard_prometheus.page.page import MAX_SECONDS, Request, too_late

if TYPE_CHECKING:
    from concurrent.futures import Future

    from pegboard_prometheus.page.page import Page, Response

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
_PIECE = 64 * 1024
StartResponse = Callable[[str, list[tuple[str, str]]], Any]


@attrs.frozen
class ASGIApp:
    """Serves the metrics inside any ASGI server or framework.

    It answers whatever path it is asked for: where it is mounted is the framework's business. The metrics are written in a
    thread, once for all who ask meanwhile, so that a large registry does not hold up the loop.

    Attributes:
        page: What is served.
    """

    page: Page

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer one connection."""
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
        elif scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1000})
        elif scope["type"] == "http":
            request = _asgi_request(scope)
            await _send(send, await self._answer(request, scope), with_body=request.method != "HEAD")

    async def _answer(self, request: Request, scope: Message) -> Response:
        import asyncio

        server = scope.get("server")
        answer = self.page.ask(request, server[0] if server else None)
        try:
            asyncio.get_running_loop()
        except RuntimeError:  # another library's loop, which asyncio's futures do not know
            return _waited_for(answer)
        try:  # shielded, as others wait for the same
            return await asyncio.wait_for(asyncio.shield(asyncio.wrap_future(answer)), MAX_SECONDS)
        except TimeoutError:
            return too_late()


def _asgi_request(scope: Message) -> Request:
    headers = tuple(
        (name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in scope["headers"]
    )
    path = scope.get("root_path", "") + scope["path"]  # it may be mounted as `/livez`
    return Request(scope["method"], path, headers, scope.get("http_version", ""))


def _waited_for(answer: Future[Response]) -> Response:
    try:
        return answer.result(MAX_SECONDS)
    except TimeoutError:
        return too_late()


async def _send(send: Send, response: Response, *, with_body: bool) -> None:
    headers = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in response.headers]
    await send({"type": "http.response.start", "status": response.status.value, "headers": headers})
    body = response.body if with_body else b""
    for begin in range(0, len(body), _PIECE):  # a server would copy all of it for a client that does not read
        piece = body[begin : begin + _PIECE]
        await send({"type": "http.response.body", "body": piece, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


async def _lifespan(receive: Receive, send: Send) -> None:
    """Agree to a server's start and end, which mean nothing here: the session decides what there is to serve."""
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return


@attrs.frozen
class WSGIApp:
    """Serves the metrics inside any WSGI server or framework, at whatever path it is mounted.

    Attributes:
        page: What is served.
    """

    page: Page

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        request = _wsgi_request(environ)
        response = _waited_for(self.page.ask(request, None))
        start_response(f"{response.status.value} {response.status.phrase}", list(response.headers))
        return [b"" if request.method == "HEAD" else response.body]


def _wsgi_request(environ: dict[str, Any]) -> Request:
    headers = tuple(
        (name.removeprefix("HTTP_").replace("_", "-").lower(), value)
        for name, value in environ.items()
        if name.startswith("HTTP_")
    )
    version = environ.get("SERVER_PROTOCOL", "").removeprefix("HTTP/")
    path = environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", "")
    return Request(environ["REQUEST_METHOD"], path, headers, version)
