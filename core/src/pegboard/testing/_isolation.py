"""A program that has no session yet, for as long as a test lasts."""

from __future__ import annotations

from collections.abc import Iterator

from pegboard.current import active_session, running_call
from pegboard.parts.contexts import context_manager
from pegboard.sessions.configuration import Config
from pegboard.sessions.default import DEFAULT
from pegboard.sessions.serving import SERVING


@context_manager
def isolated() -> Iterator[None]:
    """Run a block as if no session were open, installed or configured; afterwards all is as before.

    What the block installs and leaves installed is uninstalled, and its default session is ended.
    """
    installed, elsewhere = SERVING.installed, dict(SERVING.elsewhere)
    session, call = active_session.set(None), running_call.set(None)
    SERVING.install(None)
    SERVING.elsewhere.clear()
    aside = DEFAULT.set_aside(Config())
    try:
        yield
    finally:
        uninstall_left()
        DEFAULT.put_back(aside)
        SERVING.elsewhere.update(elsewhere)
        SERVING.install(installed)
        running_call.reset(call)
        active_session.reset(session)


def uninstall_left() -> bool:
    """Uninstall the session that is installed, however often it was; tell whether one was."""
    session = SERVING.installed
    if session is None:
        return False
    for _ in range(SERVING.times):
        session.uninstall(grace=0)
    return True
