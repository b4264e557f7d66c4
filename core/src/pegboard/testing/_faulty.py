"""A plugin that fails wherever it may."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from pegboard.hookspecs import hookimpl

OBSERVERS = (
    "before_group",
    "before_execute",
    "on_cache_hit",
    "on_cache_miss",
    "on_wait",
    "before_attempt",
    "after_attempt",
    "on_retry",
    "on_iteration",
    "on_error",
    "after_execute",
    "after_group",
)


class FaultyPlugin:
    """Raises in every observer, or in those named; by design, nothing of it may be noticed by a task.

    Args:
        error: What to raise: an exception, or its class.
        hooks: Names of the observers that fail.
        name: The plugin's name.
    """

    def __init__(
        self,
        error: BaseException | type[BaseException] = ValueError,
        *,
        hooks: Iterable[str] = OBSERVERS,
        name: str = "faulty",
    ) -> None:
        self.name = name
        for hook in hooks:
            setattr(self, hook, hookimpl(_raiser(error, hook)))


def _raiser(error: BaseException | type[BaseException], hook: str) -> Callable[..., None]:
    def about_call(call: Any) -> None:  # noqa: ARG001 - pluggy reads the name
        raise error

    def about_group(group: Any) -> None:  # noqa: ARG001
        raise error

    return about_group if hook.endswith("_group") else about_call
