"""Ends that somebody interrupts, and how long those that remain may wait."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import threading
from typing import Any

import pytest

from pegboard import Session, hookimpl
from pegboard.parts import Background, time_for_end, time_for_work
from pegboard.sessions.ending import ENDING


class Ends:
    """Notes what time its end has, and is maybe interrupted there."""

    def __init__(
        self, name: str, times: dict[str, Any], interrupt: type[BaseException] | None = None
    ) -> None:
        self.name = name
        self._times = times
        self._interrupt = interrupt

    @hookimpl
    def session_end(self) -> None:
        self._times[self.name] = time_for_end(3.0), time_for_work()
        if self._interrupt is not None:
            raise self._interrupt


LONG, NONE = (3.0, None), (0.0, 0.0)


def test_the_second_ctrl_c_leaves_the_end_that_it_strikes() -> None:
    """Those that remain run, and wait for nothing, in the sessions around it too."""
    times: dict[str, Any] = {}
    inner = Session(Ends("last", times), Ends("struck", times, KeyboardInterrupt), Ends("first", times))
    with pytest.raises(KeyboardInterrupt), Session(Ends("around", times)), inner:
        raise KeyboardInterrupt
    assert times == {"first": LONG, "struck": LONG, "last": NONE, "around": NONE}


def test_the_first_takes_no_time_from_those_that_remain() -> None:
    """Somebody who presses it once wants to end, and to keep what there is."""
    times: dict[str, Any] = {}
    inner = Session(Ends("last", times), Ends("struck", times, KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt), Session(Ends("around", times)), inner:
        pass
    assert times == {"struck": LONG, "last": LONG, "around": LONG}


def test_two_ends_may_be_struck() -> None:
    """By a Ctrl-C each."""
    times: dict[str, Any] = {}
    struck = [Ends(name, times, KeyboardInterrupt) for name in ("second", "first")]
    with pytest.raises(KeyboardInterrupt), Session(Ends("last", times), *struck):
        pass
    assert times == {"first": LONG, "second": LONG, "last": NONE}


def test_what_comes_after_has_time_again() -> None:
    """A program that catches it goes on as before."""
    times: dict[str, Any] = {}
    with pytest.raises(KeyboardInterrupt), Session(Ends("struck", times, KeyboardInterrupt)):
        raise KeyboardInterrupt
    with Session(Ends("after", times)):
        pass
    assert times["after"] == LONG


@pytest.mark.parametrize("error", [SystemExit, OSError])
def test_other_errors_take_no_time(error: type[BaseException]) -> None:
    """Nobody is in a hurry."""
    times: dict[str, Any] = {}
    with (
        pytest.raises((SystemExit, KeyboardInterrupt)),
        Session(Ends("last", times), Ends("struck", times, error)),
    ):
        raise KeyboardInterrupt
    assert times["last"] == LONG


def test_sends_of_a_background_are_not_waited_for() -> None:
    """What has not arrived is lost, and counted."""
    reading: list[Any] = []

    def send(batch: list[int]) -> None:
        while not reading:
            pass

    class Exports:
        name = "exports"

        @hookimpl
        def session_start(self) -> None:
            self.background: Background[int] = Background("exports", send, flush_timeout=60)
            self.background.begin()

        @hookimpl
        def session_end(self) -> None:
            self.background.end()

    exports = Exports()
    with pytest.raises(KeyboardInterrupt), Session(exports, Ends("struck", {}, KeyboardInterrupt)):
        exports.background.put(1)
        raise KeyboardInterrupt
    assert exports.background.losses == {"deadline": 1}
    reading.append(1)


def test_what_ends_with_the_process_does_not_wait_either() -> None:
    """The program ends by that Ctrl-C, and an installed session after it."""
    program = """
        from pegboard import Session, hookimpl
        from pegboard.parts import time_for_end
        class Ends:
            name = "ends"
            def __init__(self, error=None): self.error = error
            @hookimpl
            def session_end(self):
                print(time_for_end(3.0))
                if self.error: raise self.error
        Session(Ends()).install()
        with Session(Ends(KeyboardInterrupt)):
            raise KeyboardInterrupt
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert (done.returncode, done.stdout.split()) == (-2, ["3.0", "0.0"])


@pytest.mark.skipif(not hasattr(os, "fork"), reason="nothing forks there")
def test_a_child_of_another_thread_is_in_no_end_of_its_parents_main_thread(in_child: Any) -> None:
    """So SIGTERM ends it at once; one that the main thread forks in the middle of an end is in that end."""
    found = []
    with ENDING:
        thread = threading.Thread(target=lambda: found.append(in_child(lambda: ENDING.is_busy)))
        thread.start()
        thread.join()
        found.append(in_child(lambda: ENDING.is_busy))
    assert found == [False, True]
