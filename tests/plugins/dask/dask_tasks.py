"""What the workers of the tests' cluster can import: tasks, and a plugin that goes to workers."""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path

from pegboard import On, Scope, Session, current_call, hookimpl, task
from pegboard_secrets import INJECTED, NeedsSecrets, secret


@task
def square(number):
    return number * number


@task
def divide(numerator, denominator):
    return numerator / denominator


@task(On("dask"))
def process():
    return os.getpid()


@task(On("dask"))
async def slow_process():
    return os.getpid()


@task
def total(number):
    return sum(square.map(range(number)))


@task
def who(number):
    call = current_call()
    return call.id, call.name, call.map_index, call.attempt


@task
def die_once(path):
    """Kill this process, unless that was done before."""
    marker = Path(path)
    if not marker.exists():
        marker.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return "alive"


@task
def die(number):
    os.kill(os.getpid(), signal.SIGKILL)


@task
def die_at_three(number):
    if number == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


@task
def note(path, number, seconds=0.05):
    """Write down that an item was run."""
    with Path(path).open("a") as file:
        file.write(f"{number}\n")
    time.sleep(seconds)
    if number == 0:
        raise ValueError("the first")
    return number


@task
def measured(number, seconds):
    """Make `number` nested calls."""
    for each in range(number):
        square(each)
        time.sleep(seconds)
    return threading.get_ident()


def plugins_there(dask_worker):
    return [name for name in dask_worker.plugins if name.startswith("pegboard")]


def clients_there(dask_scheduler):
    return sorted(dask_scheduler.clients)


class Diary:
    """Goes to workers; writes down when a session of a worker begins and ends."""

    name = "diary"

    def __init__(self, path: str) -> None:
        self.path = path

    def worker_settings(self):
        return {"path": self.path}

    def write(self, line: str) -> None:
        with Path(self.path).open("a") as file:
            file.write(f"{os.getpid()} {line}\n")

    @hookimpl
    def session_start(self, session: Session) -> None:
        self.write("start")

    @hookimpl
    def session_end(self, session: Session) -> None:
        self.write("end")

    @hookimpl(optionalhook=True)
    def on_depart(self, call, carrier):
        carrier["diary"] = f"from {call.id}"

    @hookimpl(optionalhook=True)
    def bind_worker(self, session):
        return Scope("diary", self.enter, lambda call, _: self.write(f"left {call.id}"))

    def enter(self, call):
        self.write(call.carrier["diary"])


@task
def counts(number):
    yield from range(number)


@task
async def counts_async(number):
    for each in range(number):
        yield each


@task
def place_of_call(_=None):
    call = current_call()
    return call.executor, call.is_remote


@task
def sleeps(seconds):
    time.sleep(seconds)
    return seconds


class NotMadeAgain:
    """Can be pickled, and never made again."""

    def __reduce__(self):
        return divmod, (1, 0)


@task
def takes(value):
    return type(value).__name__


@task
def gives_unmade(number):
    return [NotMadeAgain()] if number == 3 else number


class Frozen(Exception):  # noqa: N818
    """Nothing can be set on it."""

    def __setattr__(self, name, value):
        raise AttributeError("nothing can be set")


@task
def raises_frozen(number):
    if number == 3:
        raise Frozen("x")
    return number


@task
def asks_for_secret(_=None):
    return secret("TOKEN")


@task(NeedsSecrets("TOKEN"))
def signs(_=None, *, secrets=INJECTED):
    return secrets["TOKEN"]
