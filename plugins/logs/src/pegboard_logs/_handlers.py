"""Finding the handlers that a session has."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence

from pegboard import ConfigError, texts

Named = Sequence[logging.Handler | str]


def checked(handlers: object) -> Named | None:
    """Return handlers as given to `Logs`, in a tuple.

    Raises:
        TypeError: It is something else.
        ValueError: It names none.
    """
    if handlers is None:
        return None
    if isinstance(handlers, str | logging.Handler) or not hasattr(handlers, "__iter__"):
        raise TypeError(
            f"handlers is a list of logging handlers or of their names, not {texts.a(type(handlers).__name__)}; "
            f"for a single one: handlers=[handler]."
        )
    found = tuple(handlers)
    for each in found:
        if not isinstance(each, str | logging.Handler):
            raise TypeError(
                f"handlers holds {texts.a(type(each).__name__)}, and takes logging handlers or their names."
            )
    if not found:
        raise ValueError(
            "handlers is empty, so no record would get any id. Leave it out for those of the root logger."
        )
    return found


def find(handlers: Named | None) -> list[logging.Handler]:
    """Return the handlers of the root logger and the one of last resort, or those named; and those that they hand records to.

    Raises:
        ConfigError: No handler has such a name.
    """
    if handlers is None:
        last = [] if logging.lastResort is None else [logging.lastResort]
        return _with_targets([*logging.getLogger().handlers, *last])
    return _with_targets([_by_name(each) if isinstance(each, str) else each for each in handlers])


def _with_targets(handlers: list[logging.Handler]) -> list[logging.Handler]:
    """Add the handlers that buffering ones, such as `MemoryHandler`, write with later."""
    for handler in handlers:  # as it grows
        target = getattr(handler, "target", None)
        if isinstance(target, logging.Handler) and target not in handlers:
            handlers.append(target)
    return handlers


def _by_name(name: str) -> logging.Handler:
    known = {handler.name: handler for handler in _all_handlers() if handler.name}
    if name not in known:
        raise ConfigError(
            f"Logs(handlers=...) names {name!r}, and no logger has a handler of that name. "
            f"Known: {', '.join(sorted(known)) or 'none'}. Configure logging before the session is opened.",
            where="Logs",
            key="handlers",
        )
    return known[name]


def _all_handlers() -> Iterator[logging.Handler]:
    root = logging.getLogger()
    for logger in [root, *list(root.manager.loggerDict.values())]:
        if isinstance(logger, logging.Logger):
            yield from logger.handlers
