"""OpenTelemetry's current context, left in the places that tasks may be left in."""

from __future__ import annotations

from contextvars import Token
from typing import Any


def restore(token: Token[Any]) -> None:
    """Make the context before `token` current again.

    A coroutine that is dropped half-way ends in whatever context collects it. Nothing is to be restored there, and
    `opentelemetry.context.detach` would log an error. Nor is anything where `token` was used before.
    """
    try:
        token.var.reset(token)
    except (ValueError, RuntimeError):
        pass
