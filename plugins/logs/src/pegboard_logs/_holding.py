"""Handlers that open sessions have, and how each was before.

One handler may be had by several sessions at once, nested or in threads. It gets one filter and one formatter of ours, whoever
comes first, and is put back when the last has let go.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import TYPE_CHECKING

import attrs

from pegboard.parts import new_rlock
from pegboard.texts import encodable, encoding_of
from pegboard_logs._guarding import GuardedFormatter, Rules
from pegboard_logs._ids import CallIds

if TYPE_CHECKING:
    from pegboard.privacy import Masks
    from pegboard_logs._json import JSONFormatter


@attrs.frozen(eq=False)
class Wish:
    """What one session wants of its handlers.

    Attributes:
        masks: Its known secrets.
        json: What is to write the records, or None for the handler's own formatter.
        escape: Whether control characters are escaped.
    """

    masks: Masks
    json: JSONFormatter | None
    escape: bool


class HeldHandler:
    """A handler with our filter and formatter on it."""

    def __init__(self, handler: logging.Handler) -> None:
        self.handler = handler
        self.wishes: list[Wish] = []
        self._filter = CallIds()
        self._formatters: list[GuardedFormatter] = []
        # A new list, first of all: a thread may be going through the old one, and filters behind ours can read the ids.
        handler.filters = [self._filter, *handler.filters]

    def apply(self) -> None:
        """Do what the wishes say: the last one's format, and everybody's secrets are masked."""
        if not self._formatters or self.handler.formatter is not self._formatters[-1]:
            self._formatters.append(GuardedFormatter(self.handler.formatter, self._fit))
        last = self.wishes[-1]
        masks = tuple({id(wish.masks): wish.masks for wish in self.wishes}.values())
        rules = Rules(masks, last.json, last.escape, active=True)
        for formatter in self._formatters:
            formatter.rules = rules
        self.handler.formatter = self._formatters[-1]

    def let_go(self) -> None:
        """Put the handler back as it was, but for what others changed meanwhile."""
        self.handler.filters = [each for each in self.handler.filters if each is not self._filter]
        for formatter in reversed(self._formatters):
            formatter.rules = Rules()  # somebody may have put it inside another
            if self.handler.formatter is formatter:
                self.handler.formatter = formatter.own

    def _fit(self, text: str) -> str:
        """Escape what the handler's stream cannot hold, unless it has a way of its own to write that."""
        stream = (
            getattr(self.handler, "stream", None) or self.handler
        )  # a file that is opened with its first line
        if getattr(stream, "errors", None) not in (None, "strict"):
            return text
        return encodable(text, encoding_of(stream))


_guard = new_rlock()
_held: dict[int, HeldHandler] = {}  # by id: a handler need not be hashable


def hold(handlers: Iterable[logging.Handler], wish: Wish) -> None:
    """Put our filter and formatter on handlers, and have them do what `wish` says; twice is as once."""
    with _guard:
        for handler in handlers:
            held = _held.get(id(handler))
            if held is None:
                held = _held[id(handler)] = HeldHandler(handler)
            if wish not in held.wishes:
                held.wishes.append(wish)
                held.apply()


def release(wish: Wish) -> None:
    """Take a wish back from all handlers."""
    with _guard:
        for key, held in list(_held.items()):
            if wish in held.wishes:
                held.wishes.remove(wish)
                if held.wishes:
                    held.apply()
                else:
                    del _held[key]
                    held.let_go()
