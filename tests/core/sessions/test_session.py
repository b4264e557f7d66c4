"""Sessions: nesting, attaching, starting and ending, alone and from many threads."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor, wait

import attrs
import pytest

from pegboard import (
    ConfigError,
    InvalidPlugin,
    Layer,
    MissingPlugin,
    Option,
    Order,
    PluginConflict,
    Session,
    SessionError,
    Threads,
    current_session,
    hookimpl,
    hookspec,
    task,
)
from pegboard.testing import FakeClock, FaultyPlugin, Recorder


@attrs.frozen
class Level(Option):
    """An option that its own plugin turns into a layer."""

    plugin_name = "levels"
    level: int = 1

    @classmethod
    def plugin(cls) -> type:
        return Levels


class Levels:
    """Adds the level of `Level` to what a task returns."""

    name = "levels"

    @hookimpl
    def bind(self, task) -> Layer | None:
        option = task.option(Level)
        if option is None:
            return None

        async def run(call, proceed):
            return await proceed(call) + option.level

        return Layer("levels", Order.LIMIT, run)


class Living:
    """Logs the beginnings and ends of its sessions; may fail in either."""

    def __init__(
        self, name: str, log: list[str], fail: str = "", error: type[BaseException] = ValueError
    ) -> None:
        self.name = name
        self.log = log
        self.fail = fail
        self.error = error

    @hookimpl
    def session_start(self, session) -> None:
        self.log.append(f"start {self.name}")
        self._maybe_fail("start")

    @hookimpl
    def session_end(self) -> None:
        self.log.append(f"end {self.name}")
        self._maybe_fail("end")

    def _maybe_fail(self, moment: str) -> None:
        if self.fail == moment:
            raise self.error(f"{moment} of {self.name}")


@task
def function(x: int = 0) -> int:
    return x


def living(names: str, log: list[str], **fail: str) -> list[Living]:
    return [Living(name, log, fail.get(name, "")) for name in names]


# Attaching -------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("standins")
def test_plugins_are_attached_by_instance_and_by_name() -> None:
    """Names are those of installed plugins, which are made with their defaults."""
    with Session(Recorder(), "alpha") as session:
        assert list(session.plugins) == ["recorder", "alpha"]
        assert type(session.plugins["alpha"]).__name__ == "Alpha"


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (Recorder, "Recorder is a class, and a session takes instances: Session(Recorder(), ...)."),
        (Level(1), "is an option, and goes on a task: @task(Level(...))"),
        (None, "None is no plugin"),
        (3, "3 is no plugin"),
        (print, "is no plugin"),
    ],
    ids=["class", "option", "None", "number", "function"],
)
def test_what_is_no_plugin_is_refused(given, words: str) -> None:
    """The error says what was given and what to write instead."""
    with pytest.raises(InvalidPlugin) as caught:
        Session(given)
    assert words in str(caught.value)
    assert isinstance(caught.value, TypeError)


def test_two_plugins_of_one_name_are_refused() -> None:
    """One name, one plugin; the error names both types."""
    with pytest.raises(PluginConflict, match="called 'recorder': a Recorder and a FakeClock") as caught:
        clock = FakeClock()
        clock.name = "recorder"
        Session(Recorder(), clock)
    assert (caught.value.plugin, caught.value.claimants) == ("recorder", ("Recorder", "FakeClock"))


def test_the_same_instance_twice_is_attached_once() -> None:
    """Attaching again what is attached changes nothing."""
    recorder = Recorder()
    with Session(recorder, recorder) as session:
        assert session.register(recorder) is None
        function()
    assert len(recorder.of("after_execute")) == 1


@pytest.mark.parametrize("executor", ["processs", "Processes", ""])
def test_an_unknown_executor_lists_the_known(executor: str) -> None:
    """An unknown name fails where it is written (rule 10, row 22)."""
    with pytest.raises(
        ConfigError, match=r"Known: inline, threads, dask, processes; and those of installed plugins\."
    ):
        Session(executor=executor)


def test_something_that_is_no_executor_is_refused() -> None:
    """An executor has `submit`."""
    with pytest.raises(ConfigError, match=r"neither a name .* nor a concurrent\.futures\.Executor"):
        Session(executor=3)


def test_an_executor_handed_in_is_used_and_left_open() -> None:
    """Whoever made it shuts it down."""
    with ThreadPoolExecutor(1, thread_name_prefix="mine") as pool:
        for _ in range(2):
            with Session(executor=pool) as session:
                assert session.place().name == "ThreadPoolExecutor"
                name = task(lambda: threading.current_thread().name)
                assert name.submit().result(10).startswith("mine")


def test_threads_has_a_number_of_workers() -> None:
    """So many functions run at once; the pool is the session's, which ends it, and a second session has its own."""
    both = threading.Barrier(2, timeout=10)
    meet = task(both.wait)
    threads = Threads(workers=2)
    for _ in range(2):
        with Session(executor=threads) as session:
            assert sorted(future.result(10) for future in [meet.submit(), meet.submit()]) == [0, 1]
            assert session.executor_levels()["threads"].workers == 2


@pytest.mark.parametrize(("workers", "error"), [(0, ValueError), (True, TypeError), (2.5, TypeError)])
def test_threads_that_mean_nothing_are_refused(workers: object, error: type[Exception]) -> None:
    """The number is a whole one from 1."""
    with pytest.raises(error, match="Threads: workers is a whole number of at least 1"):
        Threads(workers=workers)


def test_defaults_are_options_each_once() -> None:
    """Something else, or two of a class, is a TypeError at once."""
    with pytest.raises(TypeError, match=r"takes options such as Retry\(3\), not 3"):
        Session(defaults=[3])
    with pytest.raises(TypeError, match="two options of the same class"):
        Session(defaults=[Level(1), Level(2)])


# Options bring plugins -------------------------------------------------------------------------------------------


def test_an_option_brings_its_plugin() -> None:
    """A session lacks nothing that a task asks for (promise 6)."""
    with Session() as session:
        assert session.plugins == {}
        assert task(Level(2))(lambda: 1)() == 3
        assert list(session.plugins) == ["levels"]


def test_a_plugin_that_is_there_is_not_brought_again() -> None:
    """The instance that the session was given serves."""
    levels = Levels()
    with Session(levels) as session:
        assert task(Level(2))(lambda: 1)() == 3
        assert session.plugins["levels"] is levels


def test_a_brought_plugin_is_started_and_ended() -> None:
    """It lives like one that was attached by hand."""
    log: list[str] = []

    class Brings(Option):
        plugin_name = "brought"

        @classmethod
        def plugin(cls) -> type:
            return Living

        @classmethod
        def make(cls) -> Living:
            return Living("brought", log)

    with Session():
        task(Brings())(lambda: 1)()
        assert log == ["start brought"]
    assert log == ["start brought", "end brought"]


def test_strict_plugins_refuses_instead() -> None:
    """The error names task, option and plugin, and what is attached; the body does not run."""
    ran: list[int] = []

    @task(Level(2))
    def asking() -> None:
        ran.append(1)

    with Session(Recorder(), strict_plugins=True), pytest.raises(MissingPlugin) as caught:
        asking()
    assert str(caught.value).startswith("task 'asking' asks for Level, which needs the plugin 'levels'.")
    assert "Session('levels', ...). Attached: recorder." in str(caught.value)
    assert caught.value.plugin == "levels"
    assert ran == []


def test_defaults_apply_to_tasks_that_say_nothing_themselves() -> None:
    """An explicit option counts before a default (row 20)."""
    with Session(defaults=[Level(10)]):
        assert task(lambda: 1)() == 11
        assert task(Level(2))(lambda: 1)() == 3


def test_a_default_leaves_out_tasks_it_cannot_be_on() -> None:
    """A kind that the option excludes, or a sensitive task whose values it would store, goes without."""

    @attrs.frozen
    class Picky(Level):
        kinds = frozenset(("function",))
        stores_values = True

    @task
    def stream():
        yield 1

    with Session(defaults=[Picky(10)]) as session:
        assert task(sensitive=True)(lambda: 1)() == 1
        assert list(stream()) == [1]
        assert session.explain(stream).options == ()


# Nesting ---------------------------------------------------------------------------------------------------------


def test_an_inner_session_inherits() -> None:
    """Plugins, defaults, strictness, clock and executors are those of the outer session, and its own on top."""
    outer_recorder, inner_recorder = Recorder("outer"), Recorder("inner")
    with (
        Session(
            outer_recorder, FakeClock(), Levels(), defaults=[Level(10)], strict=True, executor="inline"
        ) as outer,
        Session(inner_recorder) as inner,
    ):
        assert task(lambda: 1)() == 11
        assert list(inner.plugins) == ["outer", "clock", "levels", "inner"]
        assert (inner.outer, inner.strict, inner.clock) == (outer, True, outer.clock)
        assert inner.executors is outer.executors
    assert len(outer_recorder.of("after_execute")) == len(inner_recorder.of("after_execute")) == 1


def test_an_inner_session_may_inherit_nothing() -> None:
    """`inherit=False` starts from nothing."""
    recorder = Recorder()
    with Session(recorder, defaults=[Level(10)], strict=True), Session(inherit=False) as inner:
        assert task(lambda: 1)() == 1
        assert (dict(inner.plugins), inner.strict, inner.outer) == ({}, False, None)
    assert recorder.events == []


def test_an_inner_session_replaces_by_name() -> None:
    """Its own plugin takes the place of the inherited one of that name, and only inside (row 18)."""
    outer_recorder, inner_recorder = Recorder(), Recorder()
    with Session(outer_recorder) as outer:
        function(1)
        with Session(inner_recorder) as inner:
            function(2)
            assert inner.plugins["recorder"] is inner_recorder
        function(3)
        assert outer.plugins["recorder"] is outer_recorder
    assert [event.subject.args for event in outer_recorder.of("after_execute")] == [(1,), (3,)]
    assert [event.subject.args for event in inner_recorder.of("after_execute")] == [(2,)]


def test_an_inner_default_replaces_the_outer_one() -> None:
    """One option of a class counts: the innermost."""
    with Session(defaults=[Level(10)]), Session(defaults=[Level(20)]):
        assert task(lambda: 1)() == 21


def test_an_inherited_plugin_is_not_started_again() -> None:
    """A plugin lives as long as the session it was attached to."""
    log: list[str] = []
    with Session(*living("a", log)):
        with Session(*living("b", log)):
            pass
        assert log == ["start a", "start b", "end b"]
    assert log[-1] == "end a"


def test_an_inner_session_applies_inside_only_also_when_its_body_raised() -> None:
    """The outer session is whole again afterwards (rule 8)."""
    recorder = Recorder()
    with Session() as outer:
        with pytest.raises(ValueError, match="no"), Session(recorder):
            raise ValueError("no")
        assert current_session() is outer
        function()
    assert current_session() is None
    assert recorder.events == []


def test_a_plugin_registered_inside_is_gone_outside() -> None:
    """What an inner session attaches, by hand or for an option, is its own."""
    with Session() as outer:
        with Session() as inner:
            inner.register(Recorder())
            task(Level(2))(lambda: 1)()
            assert list(inner.plugins) == ["recorder", "levels"]
        assert dict(outer.plugins) == {}


class Steps:
    @hookspec
    def on_step(self, call) -> None:
        """Told by `call.emit`."""


class Stepping:
    """Brings a spec."""

    name = "stepping"
    hookspecs = Steps


class Following:
    """Implements the spec that another plugin brings."""

    name = "following"

    @hookimpl
    def on_step(self, call) -> None: ...


def test_the_owner_of_a_spec_may_be_replaced_below_those_who_implement_it() -> None:
    """An inherited plugin finds the spec it implements, whoever brings it in the inner session."""
    with Session(Stepping(), Following()), Session(Stepping()) as inner:
        assert inner.explain(function).observers["on_step"] == ("following",)


# Start and end ---------------------------------------------------------------------------------------------------


def test_plugins_start_in_order_and_end_in_reverse() -> None:
    """In the order of attachment, and back (rule 7)."""
    log: list[str] = []
    with Session(*living("abc", log)):
        assert log == ["start a", "start b", "start c"]
    assert log[3:] == ["end c", "end b", "end a"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt], ids=lambda error: error.__name__)
def test_a_failing_start_is_undone(error: type[BaseException]) -> None:
    """What had started is ended in reverse, the error is raised, and the session is not current (E23)."""
    log: list[str] = []
    plugins = [*living("ab", log), Living("c", log, "start", error), *living("d", log)]
    session = Session(*plugins)
    with pytest.raises(error, match="start of c"):
        session.__enter__()
    assert log == ["start a", "start b", "start c", "end b", "end a"]
    assert current_session() is None
    assert session.is_open is False


def test_an_error_while_undoing_a_start_is_a_note() -> None:
    """The first error is the one to know; the others are noted on it."""
    log: list[str] = []
    with (
        pytest.raises(ValueError, match="start of b") as caught,
        Session(*living("ab", log, a="end", b="start")),
    ):
        pass
    assert caught.value.__notes__ == ["and while undoing the start: ValueError: end of a"]


def test_a_session_that_failed_to_start_can_be_tried_again() -> None:
    """A failed start leaves it as new."""
    log: list[str] = []
    [plugin] = living("a", log, a="start")
    session = Session(plugin)
    with pytest.raises(ValueError, match="start of a"):
        session.__enter__()
    plugin.fail = ""
    with session:
        assert function(1) == 1
    assert log == ["start a", "start a", "end a"]


@pytest.mark.parametrize("failing", ["a", "b", "c", "ac", "abc"])
def test_all_ends_run_and_their_errors_are_raised_together(failing: str) -> None:
    """A failing end does not stop the others; an ExceptionGroup holds what failed (rule 7, E22)."""
    log: list[str] = []
    with (
        pytest.raises(ExceptionGroup, match="plugins failed at the end") as caught,
        Session(*living("abc", log, **dict.fromkeys(failing, "end"))),
    ):
        pass
    assert log[3:] == ["end c", "end b", "end a"]
    assert [str(error) for error in caught.value.exceptions] == [
        f"end of {name}" for name in reversed(failing)
    ]
    assert current_session() is None


def test_an_error_of_the_body_is_not_replaced_by_one_at_the_end() -> None:
    """It leaves the session, with the errors of the ends as notes."""
    body = KeyError("body")
    with pytest.raises(KeyError) as caught, Session(*living("a", [], a="end")):
        raise body
    assert caught.value is body
    assert body.__notes__ == ["and at the end of the session: ValueError: end of a"]


def test_a_keyboard_interrupt_at_the_end_goes_on_after_the_other_ends() -> None:
    """Ctrl-C is not put into a group."""
    log: list[str] = []
    plugins = [*living("a", log), Living("b", log, "end", KeyboardInterrupt)]
    with pytest.raises(KeyboardInterrupt), Session(*plugins):
        pass
    assert log[2:] == ["end b", "end a"]


def test_a_session_may_be_used_again() -> None:
    """It starts and ends anew (row 18)."""
    log: list[str] = []
    recorder = Recorder()
    session = Session(recorder, *living("a", log))
    for _ in range(2):
        with session:
            function()
    assert log == ["start a", "end a"] * 2
    assert len(recorder.of("after_execute")) == 2


def test_a_session_entered_elsewhere_inherits_from_there() -> None:
    """What it took over at an earlier start is gone at the next."""
    session = Session(Recorder("own"))
    with (
        Session(Recorder("around"), Levels(), defaults=[Level(5)], strict=True, executor="inline"),
        session,
    ):
        assert task(lambda: 1)() == 6
    with session:
        assert task(lambda: 1)() == 1
        assert list(session.plugins) == ["own"]
        assert (session.strict, session.outer, session.executors.default) == (False, None, "threads")
    with Session(Recorder("other")), session:
        assert list(session.plugins) == ["other", "own"]


def test_a_session_may_be_entered_within_itself() -> None:
    """It starts once and ends once."""
    log: list[str] = []
    with Session(*living("a", log)) as session:
        with session, session:
            assert current_session() is session
        assert current_session() is session
        assert log == ["start a"]
    assert log == ["start a", "end a"]
    assert current_session() is None


def test_sessions_are_left_in_order() -> None:
    """Leaving an outer session before the inner one says so."""
    outer, inner = Session(), Session()
    with outer, inner, pytest.raises(SessionError, match="leave the inner one first"):
        outer.__exit__(None, None, None)


def test_plans_are_forgotten_at_the_end() -> None:
    """A task that outlives many sessions does not keep them."""
    made = task(lambda: 1)
    for _ in range(10):
        with Session(Recorder()):
            made()
    assert made._plans == {}
    assert made._plan is None


# Attaching while it is open --------------------------------------------------------------------------------------


def test_a_plugin_registered_in_an_open_session_is_started() -> None:
    """And serves from the next call on."""
    log: list[str] = []
    recorder = Recorder()
    with Session() as session:
        function()
        assert session.register(recorder) == "recorder"
        assert session.register(living("a", log)[0]) == "a"
        assert log == ["start a"]
        function()
    assert len(recorder.of("after_execute")) == 1
    assert log == ["start a", "end a"]


def test_a_plugin_may_attach_another_when_it_starts() -> None:
    """It is started and ended like those that were there before."""
    log: list[str] = []

    class Attaching(Living):
        @hookimpl
        def session_start(self, session) -> None:
            self.log.append("start attaching")
            session.register(living("b", log)[0])

    session = Session(Attaching("attaching", log), *living("a", log))
    with session:
        assert list(session.plugins) == ["attaching", "a", "b"]
    assert log == ["start attaching", "start a", "start b", "end b", "end a", "end attaching"]


def test_a_plugin_that_cannot_start_is_not_attached() -> None:
    """Registering it in an open session raises its error and leaves nothing of it (E23)."""
    log: list[str] = []
    with Session() as session:
        with pytest.raises(ValueError, match="start of a"):
            session.register(living("a", log, a="start")[0])
        assert dict(session.plugins) == {}
        function()
    assert log == ["start a"]


def test_a_plugin_is_unregistered_by_instance_and_by_name() -> None:
    """Its end runs, and calls no longer reach it."""
    log: list[str] = []
    recorder, [a] = Recorder(), living("a", log)
    with Session(recorder, a) as session:
        function()
        assert session.unregister(recorder) is recorder
        assert session.unregister("a") is a
        assert log == ["start a", "end a"]
        function()
        assert dict(session.plugins) == {}
    assert len(recorder.of("after_execute")) == 1
    assert log == ["start a", "end a"]


def test_unregistering_what_is_not_attached_lists_what_is() -> None:
    """A wrong name is a clear error."""
    with (
        Session(Recorder()) as session,
        pytest.raises(SessionError, match=r"'x' is not attached. Attached: recorder"),
    ):
        session.unregister("x")


def test_an_inherited_plugin_can_be_left_out_inside() -> None:
    """Unregistering it from the inner session neither ends it nor detaches it outside."""
    log: list[str] = []
    with Session(*living("a", log)) as outer:
        with Session() as inner:
            inner.unregister("a")
            assert dict(inner.plugins) == {}
        assert list(outer.plugins) == ["a"]
        assert log == ["start a"]


def test_registering_under_another_name_is_refused() -> None:
    """A plugin has one name."""
    with Session() as session, pytest.raises(InvalidPlugin, match="calls itself 'recorder'"):
        session.register(Recorder(), "other")


# Futures ---------------------------------------------------------------------------------------------------------


def test_the_end_waits_for_what_was_submitted() -> None:
    """Nothing of a session goes on after it (row 28)."""
    done: list[int] = []
    gate = threading.Event()

    @task
    def slow(x: int) -> None:
        assert gate.wait(10)
        done.append(x)

    with Session():
        for x in range(3):
            slow.submit(x)
        threading.Timer(0.05, gate.set).start()
    assert sorted(done) == [0, 1, 2]


def test_the_end_waits_for_what_a_submitted_task_submits() -> None:
    """Also for work that begins while the session waits."""
    done: list[int] = []
    leaving = threading.Event()

    @task
    def chain(depth: int) -> None:
        assert leaving.wait(10)
        if depth:
            chain.submit(depth - 1)
        done.append(depth)

    with Session():
        chain.submit(3)
        threading.Timer(0.05, leaving.set).start()
    assert sorted(done) == [0, 1, 2, 3]


def test_a_submitted_task_may_enter_its_session_while_it_ends() -> None:
    """The wait for it holds no lock that it needs."""
    leaving = threading.Event()
    log: list[str] = []
    session = Session(*living("a", log))

    @task
    def entering() -> int:
        assert leaving.wait(10)
        with session:
            return function(5)

    with session:
        future = entering.submit()
        threading.Timer(0.05, leaving.set).start()
    assert future.result(0) == 5
    assert log == ["start a", "end a"]


def test_a_failed_future_does_not_fail_the_session() -> None:
    """Its error is in the future, for whoever asks."""

    @task
    def failing() -> None:
        raise ValueError("no")

    with Session():
        future = failing.submit()
    assert isinstance(future.exception(), ValueError)


def test_no_thread_is_left_after_a_session() -> None:
    """Pools end with the session that made them (E22)."""
    with Session():
        function.map(range(100))
        wait([function.submit(x) for x in range(20)])
    assert [each for each in threading.enumerate() if each.name.startswith("pegboard_")] == []


# asyncio ---------------------------------------------------------------------------------------------------------


def test_a_session_is_an_async_context_manager() -> None:
    """`async with` does what `with` does; the ends run beside the loop."""
    log: list[str] = []
    threads: list[bool] = []

    class Ending:
        name = "ending"

        @hookimpl
        def session_end(self) -> None:
            threads.append(threading.current_thread() is threading.main_thread())

    async def main() -> None:
        async with Session(*living("ab", log), Ending()) as session:
            assert current_session() is session
            assert await function.acall(1) == 1
        assert current_session() is None

    asyncio.run(main())
    assert log == ["start a", "start b", "end b", "end a"]
    assert threads == [False]


def test_an_async_session_raises_the_errors_of_its_ends() -> None:
    """As `with` does."""

    async def main() -> None:
        async with Session(*living("a", [], a="end")):
            pass

    with pytest.raises(ExceptionGroup):
        asyncio.run(main())


def test_cancellation_while_an_async_session_ends_lets_it_end() -> None:
    """Once begun, the ends run to their own end, and then the cancellation goes on."""
    log: list[str] = []
    begun, go_on = threading.Event(), threading.Event()

    class Slow:
        name = "slow"

        @hookimpl
        def session_end(self) -> None:
            begun.set()
            assert go_on.wait(10)
            log.append("ended")

    async def main() -> None:
        async with Session(Slow()):
            pass

    async def outside() -> None:
        running = asyncio.ensure_future(main())
        assert await asyncio.to_thread(begun.wait, 10)
        running.cancel()
        await asyncio.sleep(0)
        go_on.set()
        with pytest.raises(asyncio.CancelledError):
            await running

    asyncio.run(outside())
    assert log == ["ended"]


def test_asyncio_tasks_may_share_one_session() -> None:
    """It starts with the first that enters and ends with the last that leaves."""
    log: list[str] = []
    recorder = Recorder()
    session = Session(recorder, *living("a", log))

    async def worker(gate: asyncio.Event, before: asyncio.Event) -> None:
        async with session:
            before.set()
            await gate.wait()
            function()

    async def main() -> None:
        gates = [asyncio.Event() for _ in range(4)]
        ins = [asyncio.Event() for _ in range(4)]
        workers = [asyncio.ensure_future(worker(*pair)) for pair in zip(gates, ins, strict=True)]
        for each in ins:
            await each.wait()
        for gate, each in zip(gates, workers, strict=True):
            assert log == ["start a"]
            gate.set()
            await each

    asyncio.run(main())
    assert log == ["start a", "end a"]
    assert len(recorder.of("after_execute")) == 4


# Threads ---------------------------------------------------------------------------------------------------------


def test_threads_may_share_one_session() -> None:
    """However they come and go, starts and ends take turns, and no event is lost (E17)."""
    log: list[str] = []
    recorder = Recorder()
    session = Session(recorder, *living("a", log))

    def worker() -> None:
        for x in range(50):
            with session:
                assert function(x) == x

    in_threads(8, worker)
    assert log == ["start a", "end a"] * (len(log) // 2)
    assert len(recorder.of("before_execute")) == len(recorder.of("after_execute")) == 400
    assert session.is_open is False


def test_one_that_enters_while_another_leaves_is_not_ended() -> None:
    """Whoever enters while the last one still waits for futures keeps the session going."""
    log: list[str] = []
    gate, second_in = threading.Event(), threading.Event()
    session = Session(*living("a", log))

    @task
    def slow() -> None:
        assert gate.wait(10)

    def first() -> None:
        with session:
            slow.submit()

    def second() -> None:
        with session:
            second_in.set()
            assert gate.wait(10)
            leaving.join()
            assert log == ["start a"]
            assert function(3) == 3

    leaving = threading.Thread(target=first)
    leaving.start()
    staying = threading.Thread(target=second)
    staying.start()
    assert second_in.wait(10)
    gate.set()
    staying.join()
    assert log == ["start a", "end a"]


def test_a_thread_sees_no_session_of_another() -> None:
    """Sessions are held in a context variable; a thread begins without one (rule 8)."""
    seen: list[object] = []
    with Session(Recorder()):
        in_threads(1, lambda: seen.append(current_session()))
    assert seen == [None]


def test_eight_threads_open_sessions_register_and_call() -> None:
    """Each sees the plugins of its own sessions only, and no event is lost (E17)."""
    shared = task(lambda x: x)
    recorders: list[Recorder] = []

    def worker() -> None:
        for _ in range(50):
            recorder = Recorder()
            recorders.append(recorder)
            with Session() as session:
                session.register(recorder)
                for x in range(20):
                    assert shared(x) == x
                assert list(session.plugins) == ["recorder"]

    in_threads(8, worker)
    assert len(recorders) == 400
    for recorder in recorders:
        assert [event.subject.args for event in recorder.of("after_execute")] == [(x,) for x in range(20)]
        assert len(recorder.events) == 80
    assert shared._plans == {}


def test_plugins_registered_while_others_call_lose_no_event() -> None:
    """Each plugin gets whole calls from its registration on (E17)."""
    recorders = [Recorder(f"recorder{n}") for n in range(20)]
    with Session() as session:

        def calling() -> None:
            with session:
                for x in range(300):
                    assert function(x) == x

        def registering() -> None:
            for recorder in recorders:
                session.register(recorder)

        in_threads(4, calling, registering)
        function(-1)
    for recorder in recorders:
        assert recorder.of("after_execute")[-1].subject.args == (-1,)
        assert recorder.unbalanced() == []


def in_threads(count: int, *targets) -> None:
    """Run each target in so many threads at once, and raise what they raise."""
    barrier = threading.Barrier(count * len(targets))

    def run(target) -> None:
        barrier.wait()
        target()

    with ThreadPoolExecutor(count * len(targets)) as pool:
        for future in [pool.submit(run, target) for target in targets for _ in range(count)]:
            future.result(60)


# Telling ---------------------------------------------------------------------------------------------------------


def test_the_repr_names_the_plugins() -> None:
    """A session's repr tells what is attached."""
    assert repr(Session(Recorder(), FakeClock())).endswith(" of recorder, clock>")
    assert repr(Session()).endswith(" of no plugins>")


def test_observer_errors_are_counted_per_session() -> None:
    """Each session counts its own; a copy is handed out."""
    with Session(FaultyPlugin(hooks=["on_error"])) as outer:
        with Session() as inner:
            assert task(lambda: 1 / 0).run().status == "error"
        assert inner.observer_errors == {("faulty", "on_error"): 1}
        assert outer.observer_errors == {}
    inner.observer_errors["x"] = 1
    assert len(inner.observer_errors) == 1


def test_is_open_tells_whether_somebody_is_inside() -> None:
    """Before, within and after."""
    session = Session()
    assert session.is_open is False
    with session:
        assert session.is_open is True
    assert session.is_open is False


def test_a_plugin_is_found_by_its_class() -> None:
    """Also an inherited one, and one of a subclass."""

    class Special(Recorder):
        """A recorder with a difference."""

    with Session(Special()) as outer, Session() as inner:
        assert inner[Recorder] is inner[Special] is outer.plugins["recorder"]
        assert inner.get(Recorder) is outer[Recorder]


def test_of_several_plugins_of_a_class_the_one_with_its_name_is_found() -> None:
    """Two that both have other names are a conflict, which names them."""
    ours, other = Levels(), Levels()
    other.name = "other"
    third = Levels()
    third.name = "third"
    assert Session(other, ours)[Levels] is ours
    with pytest.raises(PluginConflict, match="other, third") as caught:
        Session(other, third)[Levels]
    assert caught.value.claimants == ("other", "third")


def test_a_class_of_which_no_plugin_is_attached_is_missing() -> None:
    """The error tells both ways to attach one; `get` gives None."""
    session = Session()
    with pytest.raises(
        MissingPlugin, match=r"Session\(Levels\(\.\.\.\), \.\.\.\), or call a task with Level\(\.\.\.\)"
    ) as caught:
        session[Levels]
    assert caught.value.plugin == "levels"
    assert session.get(Levels) is None
    with pytest.raises(TypeError, match="the class of a plugin"):
        session["levels"]


def test_a_plugin_found_by_class_is_not_remembered_for_too_long() -> None:
    """One that took its place is found."""
    with Session(Levels()) as session:
        first = session[Levels]
        session.unregister(first)
        assert session.get(Levels) is None
        second = Levels()
        session.register(second)
        assert session[Levels] is second


def test_a_plugin_has_a_storage_for_the_session_that_attached_it() -> None:
    """Inner sessions that inherit it share it; another session, and the next start, have a new one."""
    levels = Levels()
    outer, other = Session(levels), Session(levels)
    with outer, other:
        with Session(inherit=False):
            pass
        outer.state(levels)["seen"] = 1
        assert other.state(levels) == {}
    with outer, Session() as inner:
        assert inner.state(levels) == {}
        inner.state(levels)["seen"] = 2
        assert outer.state(levels) == {"seen": 2}
    with pytest.raises(SessionError, match="is not attached"):
        Session().state(levels)
