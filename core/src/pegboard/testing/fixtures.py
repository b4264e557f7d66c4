"""Fixtures for pytest, there for everybody who has Pegboard installed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pegboard.sessions.session import Session
    from pegboard.testing import FakeClock, Recorder


@pytest.fixture
def pegboard_recorder() -> Recorder:
    """The recorder that is attached to `pegboard_session`."""
    from pegboard.testing import Recorder

    return Recorder()


@pytest.fixture
def pegboard_clock() -> FakeClock:
    """The clock of `pegboard_session`: waits take no time."""
    from pegboard.testing import FakeClock

    return FakeClock()


@pytest.fixture
def pegboard_session(pegboard_recorder: Recorder, pegboard_clock: FakeClock) -> Iterator[Session]:
    """An open, strict session with a recorder and a fake clock; nothing is inherited from outside the test."""
    from pegboard.sessions.session import Session

    with Session(pegboard_clock, pegboard_recorder, strict=True, inherit=False) as session:
        yield session
