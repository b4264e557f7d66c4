"""What goes wrong where values, arguments and errors are pickled, for the tests of other processes."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from pegboard import task

BAD = 50


def go_wrong(how):
    """Do what a class, a module or the system may do while something is pickled or made again."""
    if how == "error":
        raise ValueError("refused")
    if how == "exit":
        sys.exit("this module needs libfoo")
    if how == "memory":
        raise MemoryError
    if how == "gone":
        os._exit(4)
    if how == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError(how)


class NotMadeAgain:
    """Can be pickled, and never made again."""

    def __init__(self, how):
        self.how = how

    def __reduce__(self):
        return go_wrong, (self.how,)


class NotPickled:
    """Cannot be pickled."""

    def __init__(self, how):
        self.how = how

    def __reduce__(self):
        go_wrong(self.how)


class ErrorNotPickled(Exception):  # noqa: N818
    """An error that cannot be."""

    def __init__(self, how):
        super().__init__(how)
        self.how = how

    def __reduce__(self):
        go_wrong(self.how)


def note(number, log):
    """Leave a line for each run."""
    if log is not None:
        with Path(log).open("a") as file:
            file.write(f"{number}\n")


@task
def takes(value, how, log=None):
    note("taken", log)
    return how


@task
def gives_unmade(number, how, log=None):
    note(number, log)
    return [NotMadeAgain(how)] if number == BAD else number


@task
def gives_unpickled(number, how, log=None):
    note(number, log)
    return {"deep": NotPickled(how)} if number == BAD else number


@task
def raises_unpickled(number, how, log=None):
    note(number, log)
    if number == BAD:
        raise ErrorNotPickled(how)
    return number
