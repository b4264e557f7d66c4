"""Every hook spec has a test of its name: when it fires, with what, and how often."""

from __future__ import annotations

import inspect
import os
import sys
from concurrent.futures import Executor, Future

import pytest

from pegboard import Layer, Order, Retry, Scope, Session, hookimpl, hookspecs, task
from pegboard.testing import FakeClock, Recorder, isolated

SPECS = [name for name, spec in vars(hookspecs).items() if getattr(spec, "pegboard_spec", None) is not None]


class Life:
    """Notes the beginning and end of sessions, and what it is asked to bind."""

    name = "life"

    def __init__(self, fail_at: str = "") -> None:
        self.seen: list[str] = []
        self.fail_at = fail_at

    @hookimpl
    def session_start(self, session) -> None:
        self.seen.append(f"start {session.is_open}")
        if self.fail_at == "start":
            raise OSError("start")

    @hookimpl
    def session_end(self, session) -> None:
        self.seen.append("end")

    @hookimpl
    def bind(self, session, task) -> None:
        self.seen.append(f"bind {task.name}")


class Store:
    """Emits hits and misses as a cache does."""

    name = "store"

    def __init__(self) -> None:
        self.known: set[str] = set()

    @hookimpl
    def bind(self) -> Layer:
        async def run(call, proceed):
            key = str(call.args)
            if key in self.known:
                call.source = "cache"
                call.emit("on_cache_hit", key)
                return "stored"
            call.emit("on_cache_miss", key)
            self.known.add(key)
            return await proceed(call)

        return Layer("store", Order.CACHE, run)


class Elsewhere(Executor):
    """Takes what is sent for another process, and runs it in this one."""

    def submit(self, fn, /, *args, **kwargs):
        future = Future()
        future.set_result(fn(*args, **kwargs))
        return future


class Tenant:
    """Has an executor, and goes to workers."""

    name = "elsewhere"

    def __init__(self, tenant: str) -> None:
        self.tenant = tenant
        self.asked: list[str] = []
        self.measured: list[object] = []

    def worker_settings(self) -> dict[str, str]:
        return {"tenant": f"{self.tenant} abroad"}

    @hookimpl
    def make_executor(self, session, name) -> Executor | None:
        self.asked.append(name)
        return Elsewhere() if name == self.name else None

    @hookimpl(optionalhook=True)
    def on_depart(self, call, carrier) -> None:
        carrier["tenant"] = f"{self.tenant} for {call.name}"

    @hookimpl(optionalhook=True)
    def bind_worker(self, session) -> Scope:
        assert session.in_worker
        return Scope(
            self.name, lambda call: ABROAD.append((self.tenant, call.carrier["tenant"])), lambda call, _: None
        )

    @hookimpl(optionalhook=True)
    def on_measurements(self, call, measurements) -> None:
        self.measured.append((call.name, {key: len(found) for key, found in measurements.durations.items()}))


ABROAD: list[tuple[str, str]] = []


@task(name="work")
def work(fail: int = 0) -> str:
    if fail:
        raise OSError(fail)
    return "value"


def log_of(*plugins: object, fail: int = 0, probe=work) -> list[str]:
    """Call once and return what a recorder was told."""
    recorder = Recorder()
    with Session(recorder, FakeClock(), *plugins):
        probe.run(fail)
    return recorder.log()


def test_every_spec_has_a_test_named_for_it() -> None:
    """Whoever adds a hook adds its test."""
    tests = vars(sys.modules[__name__])
    assert SPECS
    assert [name for name in SPECS if f"test_{name}" not in tests] == []


def test_every_spec_tells_when_it_fires() -> None:
    """A spec without a docstring, or one that is not a function of named arguments, is no contract."""
    for name in SPECS:
        spec = getattr(hookspecs, name)
        assert inspect.getdoc(spec), name
        kinds = {parameter.kind for parameter in inspect.signature(spec).parameters.values()}
        assert kinds == {inspect.Parameter.POSITIONAL_OR_KEYWORD}, name


def test_session_start() -> None:
    """Told before the session counts as open; an error undoes the start and is raised."""
    life = Life()
    with Session(life):
        assert life.seen == ["start False"]
    first, failing = Life(), Life("start")
    failing.name = "failing"
    session = Session(first, failing)
    with pytest.raises(OSError, match="start"), session:
        pass
    assert first.seen == ["start False", "end"]
    assert not session.is_open


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_session_forked() -> None:
    """Told in a forked child, of the installed session, which has another id there."""
    before = []

    class Forked:
        name = "forked"

        @hookimpl
        def session_forked(self, session) -> None:
            os.write(writing, b"told" if session.id != before[0] and os.getpid() != home else b"wrong")

    reading, writing = os.pipe()
    home = os.getpid()
    with isolated():
        session = Session(Forked()).install()
        before.append(session.id)
        child = os.fork()
        if not child:
            os._exit(0)
        os.waitpid(child, 0)
        session.uninstall()
    os.close(writing)
    with os.fdopen(reading, "rb") as told:
        assert told.read() == b"told"


def test_session_draining() -> None:
    """Told once a session, when it is to begin no new work."""
    told = []

    class Draining:
        name = "draining"

        @hookimpl
        def session_draining(self, session) -> None:
            told.append((session, session.is_draining))

    with Session(Draining()) as session:
        session.drain()
        session.drain()
    assert told == [(session, True)]


def test_session_end() -> None:
    """Told once, when the session is left, in reverse order of attachment."""
    order = []

    class Ending:
        def __init__(self, name: str) -> None:
            self.name = name

        @hookimpl
        def session_end(self) -> None:
            order.append(self.name)

    with Session(Ending("a"), Ending("b")):
        pass
    assert order == ["b", "a"]


def test_bind() -> None:
    """Asked once per task and session, at the first call."""
    life = Life()
    with Session(life):
        work()
        work()
    assert life.seen == ["start False", "bind work", "end"]


def test_before_execute() -> None:
    """Told once, first, before any layer."""
    assert log_of(Store())[0] == "before_execute"
    assert log_of(fail=1, probe=work.with_options(Retry(3))).count("before_execute") == 1


def test_after_execute() -> None:
    """Told once, last, with the outcome."""
    assert log_of()[-1] == "after_execute ok/run 1"
    assert log_of(fail=1)[-1] == "after_execute error/run 1"


def test_before_group() -> None:
    """Told once, before the first call of a map."""
    recorder = Recorder()
    with Session(recorder):
        work.map([0, 0])
    assert recorder.log()[0] == "before_group"
    assert recorder.log().count("before_group") == 1


def test_after_group() -> None:
    """Told once, after the last call of a map."""
    recorder = Recorder()
    with Session(recorder):
        work.map([0, 0])
    assert recorder.log()[-1] == "after_group ok/run 2"


def test_on_cache_miss() -> None:
    """Emitted by whoever looked a result up and did not find it."""
    assert log_of(Store())[1] == "on_cache_miss (0,)"


def test_on_cache_hit() -> None:
    """Emitted instead of any attempt."""
    store = Store()
    log_of(store)
    assert log_of(store) == ["before_execute", "on_cache_hit (0,)", "after_execute ok/cache 0"]


def test_on_wait() -> None:
    """Emitted after a wait by whoever held the call back, with its name and the seconds."""

    class Gate:
        name = "gate"

        @hookimpl
        def bind(self) -> Layer:
            async def run(call, proceed):
                await call.sleep(2)
                call.emit("on_wait", "gate", 2)
                return await proceed(call)

            return Layer("gate", Order.LIMIT, run)

    assert log_of(Gate())[:2] == ["before_execute", "on_wait gate 2"]


def test_before_attempt() -> None:
    """Told before each run, counted from 1, when `call.attempt` is that number."""
    seen = []

    class Watching:
        name = "watching"

        @hookimpl
        def before_attempt(self, call, attempt) -> None:
            seen.append((call.attempt, attempt))

    log_of(Watching(), fail=1, probe=work.with_options(Retry(1)))
    assert seen == [(1, 1), (2, 2)]


def test_after_attempt() -> None:
    """Told after each run, with what it raised."""
    assert "after_attempt 1" in log_of()
    assert "after_attempt 1 OSError" in log_of(fail=1)


def test_on_retry() -> None:
    """Told between two attempts, with the wait in seconds."""
    log = log_of(fail=1, probe=work.with_options(Retry(1, wait=2.5)))
    assert log[2:5] == ["after_attempt 1 OSError", "on_retry 1 OSError 2.5", "before_attempt 2"]


def test_on_iteration() -> None:
    """Told of each item, before the consumer gets it."""
    recorder = Recorder()

    @task
    def items():
        yield "a"

    with Session(recorder):
        stream = items()
        assert recorder.of("on_iteration") == []
        next(stream)
        (event,) = recorder.of("on_iteration")
        stream.close()
    assert event.details == {"index": 0, "item": "a"}


def test_on_error() -> None:
    """Told once, when an Exception leaves the call, whatever was retried before."""
    log = log_of(fail=1, probe=work.with_options(Retry(2)))
    assert log[-2:] == ["on_error OSError", "after_execute error/run 3"]
    assert log.count("on_error OSError") == 1


def test_make_executor() -> None:
    """Asked once for each session and name, for a name that is not the core's."""
    tenant = Tenant("a")
    with Session(tenant, executor="elsewhere"):
        assert work.map([0, 0]) == ["value", "value"]
        assert work.submit().result() == "value"
    assert tenant.asked == ["elsewhere"]


def test_on_depart() -> None:
    """What is put into the carrier is there in the worker; told once for each function that goes."""
    ABROAD.clear()
    with Session(Tenant("a"), executor="elsewhere"):
        work.map([0, 0])
    assert [carried for _, carried in ABROAD] == ["a for work", "a for work"]


def test_bind_worker() -> None:
    """The plugin that puts its scope around a function there is another, made anew as it said."""
    ABROAD.clear()
    with Session(Tenant("a"), executor="elsewhere"):
        work.submit().result()
    assert [tenant for tenant, _ in ABROAD] == ["a abroad"]


def test_on_measurements() -> None:
    """Told in the call whose function came back, with what that called; not when it called nothing."""

    @task
    def outer(fails: bool) -> None:
        work.run(int(fails))
        work()

    tenant = Tenant("a")
    with Session(tenant, executor="elsewhere"):
        outer.submit(True).result()
        work.submit().result()
    ok, error = ("work", "ok", "run", ""), ("work", "error", "run", "OSError")
    assert tenant.measured == [("outer", {error: 1, ok: 1})]


def test_make_instrument() -> None:
    """Asked once per session and instrument; the answer is what `session.measure` gives, and without one it does nothing."""
    made: list[tuple[str, str, str, tuple[str, ...]]] = []

    class Tally:
        name = "tally"
        total = 0.0

        @hookimpl
        def make_instrument(self, session, kind, name, help, labels) -> Tally | None:  # noqa: A002
            made.append((kind, name, help, labels))
            return self if kind == "counter" else None

        def labels(self, **_: str) -> Tally:
            return self

        def add(self, amount: float = 1) -> None:
            self.total += amount

    tally = Tally()
    with Session(tally) as session:
        for _ in range(2):
            session.measure("counter", "orders", "Orders taken.", labels=["shop"]).labels(shop="a").add(2)
        session.measure("histogram", "sizes", "Sizes of orders.").observe(1)
    assert tally.total == 4
    assert made == [
        ("counter", "orders", "Orders taken.", ("shop",)),
        ("histogram", "sizes", "Sizes of orders.", ()),
    ]
