"""What has begun in a process ends there alone."""

from __future__ import annotations

import sys

import pytest

from pegboard.parts import ProcessLocal


def test_what_was_begun_is_ended_once() -> None:
    """Who asks again finds nothing."""
    begun: ProcessLocal[str, int] = ProcessLocal()
    begun.begin("a", 1)
    assert (begun.end("a"), begun.end("a"), begun.end("b")) == (1, None, None)


@pytest.mark.skipif(sys.platform == "win32", reason="nothing forks there")
def test_a_forked_child_has_begun_nothing(forked) -> None:
    """It ends what it begins itself, and the parent what the parent has begun."""
    begun: ProcessLocal[str, int] = ProcessLocal()
    begun.begin("a", 1)

    def child():
        begun.begin("b", 2)
        return begun.end("a"), begun.end("b")

    assert forked(child) == "(None, 2)"
    assert begun.end("a") == 1
