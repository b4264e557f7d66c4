"""Threads of a library, which do not come along."""

from __future__ import annotations

from typing import Any

import pytest

from pegboard.parts.library_threads import threads_of


def test_a_library_that_was_in_use_is_refused_in_a_child(in_child: Any) -> None:
    """Whoever used it; one that was not is used there for the first time."""
    threads_of("used").use()

    def child() -> bool:
        threads_of("unused").use()
        with pytest.raises(OSError, match="used was in use when this process was forked"):
            threads_of("used").use()
        return True

    assert in_child(child) is True
    threads_of("used").use()
