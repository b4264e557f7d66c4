"""The option that asks for a concurrency limit."""

from __future__ import annotations

import pytest

from pegboard_limits import Concurrency


@pytest.mark.parametrize("until", ["wait", "", None, 1])
def test_until_is_one_of_two(until):
    """Anything else is refused where it is written."""
    with pytest.raises((TypeError, ValueError), match="until"):
        Concurrency(1, until=until)
