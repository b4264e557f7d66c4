"""A KeyboardInterrupt or SystemExit in an observer or a scope goes on, once the others were told."""

from __future__ import annotations

import os
import signal

import pytest

from pegboard import Scope, Session, current_call, hookimpl, task
from pegboard.testing import FaultyPlugin, Recorder

EXITS = pytest.mark.parametrize("exit_", [KeyboardInterrupt, SystemExit])


@task
def work(fails: bool = False) -> int:
    if fails:
        raise ValueError
    return 1


@EXITS
@pytest.mark.parametrize(
    "hook", ["before_execute", "before_attempt", "after_attempt", "on_error", "after_execute"]
)
def test_an_exit_in_an_observer_goes_on_after_the_others_were_told(
    exit_: type[BaseException], hook: str
) -> None:
    """Every beginning has its end, and it is no fault of the plugin's."""
    first, last = Recorder("first"), Recorder("last")
    with Session(first, FaultyPlugin(exit_, hooks=[hook]), last, inherit=False) as session:
        with pytest.raises(exit_):
            work(hook == "on_error")
        assert session.observer_errors == {}
    assert first.log() == last.log() != []
    assert first.unbalanced() == []
    assert current_call() is None


@EXITS
def test_an_exit_in_a_scope_goes_on(exit_: type[BaseException]) -> None:
    """Also while it is left; the call has ended by then."""

    class Exiting:
        name = "exiting"

        @hookimpl
        def bind(self) -> Scope:
            def leave(*args: object) -> None:
                raise exit_

            return Scope("exiting", lambda call: None, leave)

    recorder = Recorder()
    with Session(Exiting(), recorder, inherit=False) as session:
        with pytest.raises(exit_):
            work()
        assert session.observer_errors == {}
    assert recorder.unbalanced() == []
    assert current_call() is None


def test_a_signal_handler_that_exits_in_an_observer_ends_the_program() -> None:
    """As it does anywhere else: SIGTERM is not swallowed."""

    class Watching:
        name = "watching"

        @hookimpl
        def after_execute(self) -> None:
            os.kill(os.getpid(), signal.SIGTERM)

    def leave(*args: object) -> None:
        raise SystemExit(143)

    before = signal.signal(signal.SIGTERM, leave)
    try:
        with Session(Watching(), inherit=False), pytest.raises(SystemExit, match="143"):
            work()
    finally:
        signal.signal(signal.SIGTERM, before)
