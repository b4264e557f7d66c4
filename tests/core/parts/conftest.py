"""A sink to send to, and a fork whose child tells what it saw."""

from __future__ import annotations

import os
import threading
import traceback
import warnings

import pytest


class Sink:
    """Takes batches; may be told to hang, or to refuse."""

    def __init__(self) -> None:
        self.batches = []
        self.answer = None
        self.taken = threading.Semaphore(0)  # released once for each batch
        self.entered = threading.Event()
        self.free = threading.Event()
        self.free.set()

    @property
    def items(self):
        return [item for batch in self.batches for item in batch]

    def send(self, batch):
        self.entered.set()
        assert self.free.wait(60)
        if isinstance(self.answer, BaseException):
            raise self.answer
        if self.answer is not False:
            self.batches.append(batch)
        self.taken.release()
        return self.answer


@pytest.fixture
def sink():
    """Return a sink, which hangs no longer than the test."""
    sink = Sink()
    yield sink
    sink.free.set()


def in_child(see):
    """Fork, and return what a function saw in the child, as text."""
    reader, writer = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of threads, from Python 3.12 on
        pid = os.fork()
    if pid == 0:
        try:
            told = str(see())
        except BaseException:  # noqa: BLE001 - the child has nobody else to tell
            told = traceback.format_exc()
        os.write(writer, told.encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as file:
        told = file.read()
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    return told


@pytest.fixture
def forked():
    """Return a function that forks, has another one called in the child, and returns what that one returned there."""
    return in_child
