"""Fixtures for pytest, there for everybody who has Pegboard installed."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

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
def pegboard_isolated() -> Iterator[None]:
    """As if no session were open, installed or configured; afterwards all is as before."""
    from pegboard.testing import isolated

    with isolated():
        yield


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call() -> Iterator[None]:
    """Fail a test that installs a session and leaves it installed, which would serve all tests after it."""
    before = _installed()
    left = None
    try:
        yield
    finally:
        installed = _installed()
        if installed is not None and installed is not before:
            from pegboard.testing._isolation import uninstall_left

            left = installed
            uninstall_left()
    if left is not None:
        pytest.fail(
            f"{left!r} is installed at the end of the test, and would serve all tests after it: uninstall it, or use the "
            f"fixture pegboard_isolated."
        )


def _installed() -> Session | None:
    """Return the installed session, without loading Pegboard for tests that do not use it."""
    serving: Any = sys.modules.get("pegboard.sessions.serving")
    return None if serving is None else serving.SERVING.installed


@pytest.fixture
def pegboard_session(pegboard_recorder: Recorder, pegboard_clock: FakeClock) -> Iterator[Session]:
    """An open, strict session with a recorder and a fake clock; nothing is inherited from outside the test."""
    from pegboard.sessions.session import Session

    with Session(pegboard_clock, pegboard_recorder, strict=True, inherit=False, quiet=True) as session:
        yield session
