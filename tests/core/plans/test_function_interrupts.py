"""A Ctrl-C at any instruction of a call: what began ends once, and the context is as before."""

from __future__ import annotations

import collections
import gc
import random
import signal
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import suppress
from types import FrameType
from typing import Any

import pytest

from pegboard import Layer, Order, Scope, Session, Suspended, current_call, hookimpl, task

pytestmark = pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="needs SIGALRM")


class Counting:
    """Counts beginnings and ends of calls, attempts and groups; brings a scope."""

    name = "counting"

    def __init__(self) -> None:
        self.open: collections.Counter[Any] = collections.Counter()

    @hookimpl
    def bind(self) -> Scope:
        return Scope("counting", lambda call: None, lambda call, token: None)

    @hookimpl
    def before_execute(self, call: Any) -> None:
        self.open[call.number] += 1

    @hookimpl
    def after_execute(self, call: Any) -> None:
        self.open[call.number] -= 1

    @hookimpl
    def before_attempt(self, call: Any, attempt: int) -> None:
        self.open[call.number, attempt] += 1

    @hookimpl
    def after_attempt(self, call: Any, attempt: int) -> None:
        self.open[call.number, attempt] -= 1

    @hookimpl
    def before_group(self, group: Any) -> None:
        self.open[group.id] += 1

    @hookimpl
    def after_group(self, group: Any) -> None:
        self.open[group.id] -= 1


class Passing:
    name = "passing"

    @hookimpl
    def bind(self, task: Any) -> Layer | None:
        async def run(call: Any, proceed: Any) -> Any:
            return await proceed(call)

        async def locking(call: Any, proceed: Any) -> Any:
            async with call.lock("key"):
                return await proceed(call)

        if task.name == "locked":
            return Layer("locking", Order.RATE, run=locking)
        return Layer("passing", Order.RATE, run=run) if "layered" in task.name else None


@task
def plain(x: int) -> int:
    return x


@task
def failing(x: int) -> int:
    raise ValueError(x)


@task
def layered(x: int) -> int:
    return x


@task
def layered_failing(x: int) -> int:
    raise ValueError(x)


@task
def locked(x: int) -> int:
    return x


@task
async def coroutine(x: int) -> int:
    return x


@task
def stream(x: int) -> Iterator[int]:
    yield x
    yield x


def failing_call(probe: Callable[[int], object]) -> Callable[[], None]:
    def call() -> None:
        with suppress(ValueError):
            probe(1)

    return call


def awaited() -> None:
    step = coroutine(1)
    try:
        with suppress(StopIteration):
            step.send(None)
    finally:
        step.close()


def read() -> None:
    items = stream(1)
    try:
        list(items)
    finally:
        items.close()


KINDS: dict[str, Callable[[], object]] = {
    "function": lambda: plain(1),
    "failing": failing_call(failing),
    "layered": lambda: layered(1),
    "layered failing": failing_call(layered_failing),
    "locked": lambda: locked(1),
    "coroutine": awaited,
    "generator": read,
    "map": lambda: plain.map([1, 2, 3]),
}


@pytest.fixture
def interrupting() -> Iterator[Callable[[float], None]]:
    """Let a KeyboardInterrupt strike so many seconds from now; 0 takes it back."""

    def strike(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, strike)
    gc.disable()  # what strikes in a callback of the collector's is swallowed there, whoever registered it
    yield lambda seconds: signal.setitimer(signal.ITIMER_REAL, seconds) and None
    signal.setitimer(signal.ITIMER_REAL, 0)
    gc.enable()
    signal.signal(signal.SIGALRM, before)


def strike_once(
    probe: Callable[[], object], interrupting: Callable[[float], None], chance: random.Random
) -> KeyboardInterrupt | None:
    struck = None
    try:
        interrupting(chance.uniform(0.00002, 0.0006))
        for _ in range(300):
            probe()
        interrupting(0)
    except KeyboardInterrupt as error:
        struck = error
    finally:
        with suppress(KeyboardInterrupt):
            interrupting(0)
    return struck


def struck_in_the_observer(error: KeyboardInterrupt) -> bool:
    """Whether it cut off the counting itself, so that what was told was not counted."""
    hooks = [name for name in vars(Counting) if name.startswith(("before_", "after_"))]
    return any(
        frame.name in (*hooks, "__missing__") and "observers of" not in frame.filename
        for frame in traceback.extract_tb(error.__traceback__)
    )


def is_free_elsewhere(session: Session) -> bool:
    """Whether another thread gets the lock."""

    def call() -> None:
        with session:
            locked(1)

    other = threading.Thread(target=call, daemon=True)
    other.start()
    other.join(10)
    return not other.is_alive()


def storm(kind: str, interrupting: Callable[[float], None], tries: int, seconds: float) -> None:
    counting, chance = Counting(), random.Random(kind)
    struck, end = 0, time.monotonic() + seconds
    with Session(counting, Passing(), inherit=False) as session:
        KINDS[kind]()
        while struck < tries and time.monotonic() < end:
            error = strike_once(KINDS[kind], interrupting, chance)
            assert current_call() is None
            if error is not None:
                struck += 1
                assert kind != "locked" or is_free_elsewhere(session)
                if not struck_in_the_observer(error):
                    unbalanced = {what: left for what, left in counting.open.items() if left}
                    assert unbalanced == {}, "".join(traceback.format_exception(error))
            counting.open.clear()
        assert session.observer_errors == {}
    assert struck > tries / 10


@pytest.mark.filterwarnings("ignore:coroutine .* was never awaited")
@pytest.mark.parametrize("kind", KINDS)
def test_what_began_ends_once_wherever_an_interrupt_strikes(
    kind: str, interrupting: Callable[[float], None]
) -> None:
    """Calls, attempts and groups; and the call around is the current one again."""
    storm(kind, interrupting, 300, 10)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:coroutine .* was never awaited")
@pytest.mark.parametrize("kind", KINDS)
def test_ten_thousand_interrupts_lose_nothing(kind: str, interrupting: Callable[[float], None]) -> None:
    """The same, at many more instructions: so many of all kinds together."""
    storm(kind, interrupting, 10_000 // len(KINDS), 30)


@pytest.mark.parametrize("error", [KeyboardInterrupt(), Suspended(), GeneratorExit()], ids=repr)
def test_layers_are_left_with_what_ended_the_function(error: BaseException) -> None:
    """Where they wait for it, so that they clean up before anybody is told the end."""
    seen: list[object] = []

    class Holding:
        name = "holding"

        @hookimpl
        def bind(self) -> Layer:
            async def run(call: Any, proceed: Any) -> Any:
                try:
                    return await proceed(call)
                finally:
                    seen.append("left")

            return Layer("holding", Order.LIMIT, run=run)

        @hookimpl
        def after_execute(self, outcome: Any) -> None:
            seen.append(outcome.status)

    @task
    def ended() -> None:
        raise error

    with Session(Holding(), inherit=False), pytest.raises(type(error)) as caught:
        ended()
    assert caught.value is error
    assert seen[0] == "left"
    assert len(seen) == 2


@pytest.mark.parametrize("layers", range(4))
def test_a_task_recurses_two_hundred_deep_at_the_default_limit(layers: int) -> None:
    """However many layers it has, and observed."""

    def plugin(number: int) -> object:
        async def run(call: Any, proceed: Any) -> Any:
            return await proceed(call)

        @hookimpl
        def bind(self: object) -> Layer:
            return Layer(f"layer{number}", Order.LIMIT + number, run=run)

        return type("Layering", (), {"name": f"layer{number}", "bind": bind})()

    @task
    def down(depth: int) -> int:
        return depth if depth == 0 else 1 + down(depth - 1)

    reached: list[int] = []
    with Session(Counting(), *(plugin(number) for number in range(layers)), inherit=False) as session:

        def dive() -> None:
            with session:
                reached.append(down(200))

        thread = threading.Thread(target=dive)  # whose stack is empty
        thread.start()
        thread.join()
    assert reached == [200]
