"""Asking the exporters of a session for the processors that they take telemetry with."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, cast

import attrs

from pegboard import ConfigError, texts

if TYPE_CHECKING:
    from pluggy import HookCaller, HookImpl

    from pegboard import Session


@attrs.frozen
class Asked:
    """What exporters are asked for.

    Attributes:
        hook: Name of the hook spec.
        kind: What each of the answers is, in words.
        methods: What makes it one.
        example: What to return, in words.
    """

    hook: str
    kind: str
    methods: tuple[str, ...]
    example: str


def exporters_with(session: Session, hook: str) -> list[HookImpl]:
    """Return those who implement a hook of tracing."""
    caller: HookCaller = getattr(session.pm.hook, hook)
    return caller.get_hookimpls()


def made_by(found: HookImpl, session: Session, asked: Asked) -> list[Any]:
    """Have one exporter make its processors.

    Raises:
        ConfigError: It cannot, or returns something else.
    """
    make = cast("Callable[..., Iterable[Any] | None]", session.pm.function_of(found))
    try:
        processors = list(make(*([session] if found.argnames else [])) or ())
    except Exception as error:
        raise ConfigError(
            f"the exporter {found.plugin_name!r} could not make its {asked.kind}s: {type(error).__name__}: {error}",
            where=found.plugin_name,
            key=asked.hook,
        ) from error
    for processor in processors:
        if not all(callable(getattr(processor, name, None)) for name in asked.methods):
            raise ConfigError(
                f"the exporter {found.plugin_name!r} returned {texts.a(type(processor).__name__)} from {asked.hook}, which is "
                f"no {asked.kind}.\nReturn {asked.example}.",
                where=found.plugin_name,
                key=asked.hook,
            )
    return processors
