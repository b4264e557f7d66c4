"""Ids of traces and spans, from numbers that no other code draws from or seeds, and that are others in every fork."""

from __future__ import annotations

import random

from pegboard.parts import after_fork


class _Numbers:
    """A source of its own for each process; the operating system's, asked for each number, would cost ten times as much.

    Attributes:
        bits: Draws a number of so many bits.
    """

    def __init__(self) -> None:
        self._begin_anew()
        after_fork(self._begin_anew)

    def _begin_anew(self) -> None:
        self.bits = random.Random().getrandbits  # noqa: S311 - ids are no secrets


_numbers = _Numbers()


def new_trace_id() -> int:
    """Draw an id of 128 bits; 0 means none to OpenTelemetry."""
    return _numbers.bits(128) or 1


def new_span_id() -> int:
    """Draw an id of 64 bits; 0 means none to OpenTelemetry."""
    return _numbers.bits(64) or 1
