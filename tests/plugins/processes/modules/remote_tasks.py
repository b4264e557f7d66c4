"""What the tests of other processes have run there."""

from __future__ import annotations

import asyncio
import dataclasses
import os
import resource
import signal
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar
from pathlib import Path

from remote_faults import NotMadeAgain

from pegboard import On, current_call, current_session, task

PLACE: ContextVar[str] = ContextVar("place", default="nowhere")


@task
def plus_one(number):
    return number + 1


@task(On("processes"))
def placed(number):
    return number + 1


@task(On("processes"))
def pid_of_placed():
    return os.getpid()


@task
def where(_=None):
    return os.getpid()


@task
def nest(depth, fan_out=3):
    """Map itself, so deep; give how many leaves there were, and in how many processes."""
    if depth == 0:
        return 1, {os.getpid()}
    inner = nest.map([depth - 1] * fan_out)
    return sum(leaves for leaves, _ in inner), set.union({os.getpid()}, *(pids for _, pids in inner))


@task
def dies_at_three(number, how="exit"):
    if number == 3:
        DEATHS[how]()
    return number


def eat_memory():
    resource.setrlimit(resource.RLIMIT_AS, (600_000_000, 600_000_000))
    return bytearray(4_000_000_000)


DEATHS = {
    "kill": lambda: os.kill(os.getpid(), signal.SIGKILL),
    "exit": lambda: os._exit(3),
    "memory": eat_memory,
}


@task
def asks_to_leave_at_sixty(number, log):
    if number == 60:
        os.kill(os.getpid(), signal.SIGTERM)
    with Path(log).open("a") as file:
        file.write(f"{number} {os.getpid()}\n")
    return number


def fork_and_die():
    if os.fork() == 0:
        time.sleep(8)
        os._exit(0)
    os._exit(1)


@task
def sleeps(seconds, log=None):
    if log is not None:
        Path(log).write_text(str(os.getpid()))
    time.sleep(seconds)
    return seconds


@task(On("processes"))
async def sleeps_async(seconds, log):
    await asyncio.to_thread(Path(log).write_text, str(os.getpid()))
    await asyncio.sleep(seconds)


@task(On("processes"))
async def adds_async(number):
    await asyncio.sleep(0)
    return number + 1, os.getpid()


class TwoArguments(Exception):  # noqa: N818
    """Its class cannot be called with its `args`."""

    def __init__(self, first, second):
        super().__init__(f"{first} and {second}")


class NamedArgument(Exception):  # noqa: N818
    """Its class has to be told something by name."""

    def __init__(self, text, *, code):
        super().__init__(text)
        self.code = code


@dataclasses.dataclass(frozen=True)
class Frozen(Exception):  # noqa: N818
    """Nothing can be set on it."""

    code: int


class NothingSet(Exception):  # noqa: N818
    """Refuses what is to be set on it."""

    def __setattr__(self, name, value):
        raise AttributeError("nothing can be set")


class NoText(Exception):  # noqa: N818
    """Has no text."""

    def __str__(self):
        raise ValueError("no text")


class OwnWay(Exception):  # noqa: N818
    """Has its own way to be pickled, and that is wrong."""

    def __reduce__(self):
        return OwnWay, (1, 2, 3), None, None, 5


class WithLock(Exception):  # noqa: N818
    """Cannot be pickled."""

    def __init__(self):
        super().__init__("has a lock")
        self.lock = threading.Lock()


class SpoiltHere:
    """Can be pickled, and made again in one process only."""

    def __init__(self):
        self.home = os.getpid()

    def __setstate__(self, state):
        if os.getpid() != state["home"]:
            raise ValueError("made elsewhere")


@task
def fails(number, what="key"):
    if number == 1:
        errors = {
            "key": lambda: KeyError("one"),
            "two": lambda: TwoArguments("one", "two"),
            "named": lambda: NamedArgument("named", code=7),
            "frozen": lambda: Frozen(7),
            "nothing set": lambda: NothingSet("x"),
            "no text": NoText,
            "own": lambda: OwnWay("own way"),
            "lock": WithLock,
            "type": lambda: TypeError("wrong"),
        }
        error = errors[what]()
        raise error
    return number


@task(sensitive=True)
def fails_secretly():
    raise WithLock


@task(sensitive=True)
def refuses_secretly():
    raise LookupError("canary-nested")


@task
def calls_secretly(inner, outer):
    try:
        {"lock": fails_secretly, "plain": refuses_secretly}[inner]()
    except Exception as error:
        if outer == "as it is":
            raise
        raise ValueError(f"outer of {error}") from error


@task
def gives(number, what="lock"):
    if number == 1:
        return {"lock": threading.Lock, "spoilt": SpoiltHere, "lambda": lambda: lambda: 5}[what]()
    return number


@task
def apply(function, number):
    return function(number)


@task
def facts(first, second=2):
    call = current_call()
    return {
        "id": call.id,
        "parent_id": call.parent_id,
        "name": call.name,
        "map_index": call.map_index,
        "inputs": dict(call.inputs),
        "task": call.task.name,
        "attempt": call.attempt,
        "session": current_session().id,
        "pid": os.getpid(),
    }


@task
def tells(number, event="on_tell"):
    current_call().emit(event, number)
    return number


@task
def time_left():
    return inner_time_left()


@task
def inner_time_left():
    return current_call().time_left


@task
def leaves_context(_=None):
    before = PLACE.get()
    PLACE.set("worker")
    return before, os.getpid()


@task
def surroundings():
    return str(Path.cwd()), os.environ.get("REMOTE_TEST")


@task
def size_of(data):
    return len(data), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


@task
def sums(*numbers):
    return sum(numbers)


@task
def took(seconds):
    time.sleep(seconds)
    return seconds


@task
def took_in(seconds):
    time.sleep(seconds)
    return os.getpid()


@task
def run_at(_):
    return time.time()


@task
def spans(seconds):
    start = time.perf_counter()
    time.sleep(seconds)
    return start, time.perf_counter()


@task
def fails_or_marks(number, folder):
    (Path(folder) / f"begun{number}").touch()
    time.sleep(0.02)
    if number == 1:
        raise KeyError(number)
    time.sleep(0.05)
    (Path(folder) / f"ended{number}").touch()


@task
def takes_anything(value):
    return type(value).__name__


class Shop:
    """Has tasks of all three kinds of method."""

    def __init__(self, price):
        self.price = price

    @task(On("processes"))
    def pay(self, number):
        return self.price * number, os.getpid()

    @task(On("processes"))
    @classmethod
    def label(cls, number):
        return cls.__name__, number, os.getpid()

    @task(On("processes"))
    @staticmethod
    def add(first, second):
        return first + second, os.getpid()


def writes_late(folder, number):
    time.sleep(0.2)
    (Path(folder) / str(number)).touch()


@task(On("processes"))
def placed_gives_unmade(number, how):
    return NotMadeAgain(how)


@task
def stops_a_program(number):
    """Start a program, send it a signal, and return how it ended."""
    child = subprocess.Popen(["sh", "-c", "echo begun; exec sleep 60"], stdout=subprocess.PIPE)
    child.stdout.readline()
    child.send_signal(number)
    try:
        return child.wait(10)
    finally:
        child.kill()
        child.communicate()


@task
def interrupts_itself():
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(0.01)
    return "went on"


@task
def uses_the_library():
    import json

    return json.__file__


@task
def puts(found, number):
    found[number] = number * 2


@task
async def adds_after(number):
    await asyncio.sleep(0.01)
    return number + 1


@task
async def took_in_async(seconds):
    await asyncio.sleep(seconds)
    return os.getpid()


@task
def calls_placed(number):
    return placed(number)


@task
def counts(number):
    yield from range(number)


@task
async def counts_async(number):
    for each in range(number):
        await asyncio.sleep(0)
        yield each


@task
def counts_to_failure(number):
    yield number
    raise KeyError(number)


@task
def place_of_call(_=None):
    call = current_call()
    return call.executor, call.is_remote, current_session().in_worker


@task
async def place_of_async_call(_=None):
    return place_of_call.__wrapped__()


@task
def place_of_inner_call(_=None):
    return place_of_call()


@task
def meets(folder, number):
    """Wait until another one does, in another worker; whether it came."""
    (Path(folder) / str(number)).touch()
    until = time.monotonic() + 20
    while len(list(Path(folder).iterdir())) < 2 and time.monotonic() < until:
        time.sleep(0.01)
    return len(list(Path(folder).iterdir())) == 2


@task
def sessions_open_elsewhere():
    from pegboard.sessions.serving import SERVING

    return len(SERVING.elsewhere)


@task
def session_of_a_thread() -> tuple[str, bool]:
    """Tell the session that serves in a thread which knows nothing of this call."""
    with ThreadPoolExecutor(1) as pool:
        session = pool.submit(current_session).result()
    return session.id, session.in_worker
