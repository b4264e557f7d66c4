"""The page as an ASGI app."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import TYPE_CHECKING, Any

import attrs

from pegboard_prometheus.endpoint.request import Request

if TYPE_CHECKING:
    from pegboard_prometheus.page.page import Page, Response

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


@attrs.frozen
class ASGIApp:
    """Serves the metrics inside any ASGI server or framework.

    It answers whatever path it is asked for: where it is mounted is the framework's business. The metrics are written in a
    thread, so that a large registry does not hold up the loop.

    Attributes:
        page: What is served.
    """

    page: Page

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer one connection."""
        if scope["type"] == "lifespan":
            await _live(receive, send)
        elif scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1000})
        elif scope["type"] == "http":
            request = _request(scope)
            await _send(send, await self._answer(request, scope), with_body=request.method != "HEAD")

    async def _answer(self, request: Request, scope: Message) -> Response:
        server = scope.get("server")
        here = server[0] if server else None
        try:
            asyncio.get_running_loop()
        except RuntimeError:  # another library's loop, which asyncio's threads do not know
            return self.page.answer(request, here)
        return await asyncio.to_thread(self.page.answer, request, here)


def _request(scope: Message) -> Request:
    headers = tuple(
        (name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in scope["headers"]
    )
    return Request(scope["method"], scope["path"], headers)


async def _send(send: Send, response: Response, *, with_body: bool) -> None:
    headers = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in response.headers]
    await send({"type": "http.response.start", "status": response.status.value, "headers": headers})
    await send({"type": "http.response.body", "body": response.body if with_body else b""})


async def _live(receive: Receive, send: Send) -> None:
    """Agree to a server's start and end, which mean nothing here: the session decides what there is to serve."""
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return
