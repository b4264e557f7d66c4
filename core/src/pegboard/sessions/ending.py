"""Ends that a signal must not cut off, and those that wait for nothing as somebody presses Ctrl-C again."""

from __future__ import annotations

import sys
import threading
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, NoReturn

from pegboard.current import running_call
from pegboard.parts.awaiting import loop_runs_here
from pegboard.parts.deadlines import hurrying
from pegboard.parts.forks import after_fork

if TYPE_CHECKING:
    from types import FrameType

_SECOND = "_pegboard_is_second"  # attribute of a KeyboardInterrupt
_OF_CALLS = "pegboard.plans."
_OF_LOOPS = ("asyncio.", "selectors", "uvloop")


class Ending:
    """Raises SystemExit in the main thread: at once, or when the starts and ends that it is in are over.

    Attributes:
        status: Of the process: 128 + SIGTERM, as a shell reports it.
        has_begun: Whether the process was asked to end, and all its sessions drain.
        is_busy: Whether the main thread is in a start or end.
    """

    status = 143
    has_begun = False

    def __init__(self) -> None:
        self._deep = 0
        self._thread = 0  # that is in them
        self._is_asked = False
        after_fork(self._begin_anew)

    def _begin_anew(self) -> None:
        """In a forked child: the main thread is the one that forked, and may have been another before."""
        self._is_asked = False
        if self._thread != threading.get_ident():
            self._deep = 0

    @property
    def is_busy(self) -> bool:  # noqa: D102 - an attribute, to others
        return self._deep > 0

    def leave(self, frame: FrameType | None) -> None:
        """Leave the main thread; called there, by a signal handler, with what it interrupted."""
        self._is_asked = True
        if self._deep:
            return
        if loop_runs_here() and _is_of_a_loop(
            frame
        ):  # raised there, what the loop is about to run would be lost
            import asyncio

            asyncio.get_running_loop().call_soon_threadsafe(self._exit)
        else:
            self._exit()

    def __enter__(self) -> None:
        if threading.current_thread() is threading.main_thread():
            self._deep += 1
            self._thread = threading.get_ident()

    def __exit__(self, *_: object) -> None:
        if threading.current_thread() is threading.main_thread():
            self._deep -= 1
            if self._is_asked and not self._deep:
                self._exit()

    def _exit(self) -> NoReturn:
        self._is_asked = False
        raise SystemExit(self.status)


ENDING = Ending()


def _is_of_a_loop(frame: FrameType | None) -> bool:
    return frame is not None and str(frame.f_globals.get("__name__")).startswith(_OF_LOOPS)


def is_telling(frame: FrameType | None) -> bool:
    """Whether a signal struck where observers and scopes are told of a call, or between two of them."""
    call = running_call.get()
    if call is not None and (call.hooking or call.in_hook):
        return True
    return frame is not None and str(frame.f_globals.get("__name__")).startswith(_OF_CALLS)


def hurrying_after(*errors: BaseException | None) -> AbstractContextManager[None]:
    """Have ends wait for nothing, if these are two Ctrl-C, or one that struck an end after another."""
    return hurrying() if _is_pressed_twice(errors) else nullcontext()


def hurrying_at_exit() -> AbstractContextManager[None]:
    """Have ends wait for nothing, if it was such a Ctrl-C that ends the program."""
    return hurrying_after(getattr(sys, "last_value", None))


def raise_interrupt(error: BaseException | None, failures: list[BaseException]) -> None:
    """Raise what is no Exception among what ends raised, so that the ends around know whether it is a second Ctrl-C."""
    for failure in reversed(failures):
        if not isinstance(failure, Exception):
            if isinstance(failure, KeyboardInterrupt) and _is_pressed_twice((error, *failures)):
                setattr(failure, _SECOND, True)
            raise failure


def _is_pressed_twice(errors: tuple[BaseException | None, ...]) -> bool:
    pressed = [error for error in errors if isinstance(error, KeyboardInterrupt)]
    return len(pressed) > 1 or any(hasattr(error, _SECOND) for error in pressed)
