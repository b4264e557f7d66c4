"""Work that is done once for all who ask for it meanwhile."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from typing import Generic, TypeVar

from pegboard.parts import after_fork, new_lock

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class Shared(Generic[Key, Value]):
    """Makes values, each in a thread of its own; whoever asks for one that is being made gets that one.

    So any number who ask at once cost one thread and one value. Nothing is kept that is done: who asks later gets a new one.

    Args:
        name: Of the threads.
        make: Makes a value.
    """

    def __init__(self, name: str, make: Callable[[Key], Value]) -> None:
        self._name = name
        self._make = make
        self._guard = new_lock()
        self._going_on: dict[Key, Future[Value]] = {}
        self._threads: list[threading.Thread] = []
        after_fork(self._begin_anew)

    def ask(self, key: Key) -> Future[Value]:
        """Return what is being made, or will be."""
        with self._guard:
            found = self._going_on.get(key)
            if found is not None:
                return found
            future = self._going_on[key] = Future()
            future.set_running_or_notify_cancel()  # nobody who asks can take it from the others
        thread = threading.Thread(target=self._run, args=(key, future), name=self._name, daemon=True)
        try:
            thread.start()
        except RuntimeError:  # the process has no more threads, or is at its end
            self._run(key, future)
        else:
            with self._guard:
                self._threads = [*(each for each in self._threads if each.is_alive()), thread]
        return future

    def settle(self, seconds: float) -> None:
        """Wait for what is being made, and for the threads to be gone."""
        end = time.monotonic() + seconds
        for thread in self._threads:
            thread.join(max(end - time.monotonic(), 0.0))

    def _run(self, key: Key, future: Future[Value]) -> None:
        try:
            value = self._make(key)
        except BaseException as error:  # noqa: BLE001 - whoever asked is told
            del self._going_on[key]
            future.set_exception(error)
        else:
            del self._going_on[key]
            future.set_result(value)

    def _begin_anew(self) -> None:
        """In a forked child: the threads did not come along."""
        self._going_on = {}
        self._threads = []
