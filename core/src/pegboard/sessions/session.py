"""A session: a lifetime in which plugins are attached and tasks run."""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable, Iterable
from contextvars import copy_context
from functools import partial
from typing import TYPE_CHECKING, Any, Self, cast

from pegboard import discovery
from pegboard.calls.call import keep_id
from pegboard.calls.locks import KeyedLocks
from pegboard.calls.side_threads import SIDE_THREADS
from pegboard.clock import SYSTEM_CLOCK, Clock
from pegboard.current import active_session, calls_around, outer_sessions, running_call
from pegboard.errors import SessionError
from pegboard.options import Option, refuse_non_option
from pegboard.parts import checks
from pegboard.parts.awaiting import loop_runs_here
from pegboard.parts.deadlines import time_for_end, time_for_work
from pegboard.parts.event_loop import running_loop
from pegboard.parts.forks import after_fork, new_rlock
from pegboard.parts.notes import note_on
from pegboard.places import Executors
from pegboard.plans.binding import make_plan
from pegboard.plans.events import ENDED, LEFT
from pegboard.plans.plan import DivertedPlan
from pegboard.privacy import Masks
from pegboard.sessions import configuration, installing
from pegboard.sessions.ending import ENDING, hurrying_after, raise_interrupt
from pegboard.sessions.in_flight import InFlight
from pegboard.sessions.manager import Manager
from pegboard.sessions.open_at_exit import OPEN_AT_EXIT, failure_text
from pegboard.sessions.placing import Placing
from pegboard.sessions.serving import SERVING, place_here, warn

if TYPE_CHECKING:
    from concurrent.futures import Executor, Future
    from types import TracebackType

    from pegboard.calls.call import Call
    from pegboard.options import Option
    from pegboard.places import Threads
    from pegboard.plans.explain import Explanation
    from pegboard.plans.open_stream import OpenStream
    from pegboard.plans.plan import Divert, Plan
    from pegboard.tasks.task import Task

_BY_INSTALLING = 1  # the entering that `install` is

_NAME: checks.Check[str] = checks.Check(
    "a text that is not empty", lambda value: isinstance(value, str), bool
)


class Session(Placing):
    """A lifetime in which plugins are attached and tasks run; a context manager, sync and async.

    Inside an open session an inner one inherits its plugins, defaults and executor; a plugin of the inner one replaces
    the inherited plugin of the same name. One session may be entered again after it ended, and by several threads
    or asyncio tasks at once: it starts with the first that enters and ends with the last that leaves.

    Args:
        plugins: Instances, or names of installed plugins, which are made with their defaults.
        defaults: Options, or a single one, for every task that does not give one of the same class itself.
        executor: Where `map` and `submit` run: `inline`, `threads` (the default), `Threads(workers=8)`, the name of a plugin
            that has an executor, such as `processes`, or any `concurrent.futures.Executor`.
        strict: Raise what observers and scopes did wrong once the call is over. For tests.
        strict_plugins: Refuse options whose plugin is not attached, instead of attaching it.
        inherit: Whether to take over what the session around this one has.
        configured: Attach what the configuration names, too, unless a plugin of that name is given.
        quiet: Log nothing of tasks that are called where this session, which is open, is not current.
        name: Tells it from others for people, and for probes that wait until it is installed.

    `session[Caching]` is the attached plugin of that class, typed.

    Attributes:
        id: Unique among sessions.
        name: As it was given, or None.
        version: Another number after every change of plugins or monitoring; plans of an older one are remade.
        pm: The pluggy manager, for pluggy's own tools.
        faults: What plugins did wrong where they may only watch: `faults.of_hook(...)` contains it.
        clock: Where waits and timestamps of plugins take their time from.
        outer: The session this one inherits from, or None.
        in_worker: Whether this session serves the functions that run in a worker.
        masks: The secrets that were handed to tasks, for whoever records texts: `session.masks.mask(text)`.
        streams: The streams that have begun and are not over.
        in_flight: What runs here and in sessions inside, where somebody has to know it; None for most sessions, whose calls are
            over when they end.
        diverted: For tools that record calls instead of making them, set before the first call; None otherwise. It is given
            every way of calling a task, `call`, `run`, `arun`, `acall`, `submit`, `map`, `amap`, `imap` or `aimap`, with the
            task (or the task bound to an object), the arguments, and the keyword arguments, of the last four all settings.
            What it returns or raises is what that call does; neither layers nor observers know of it. Asked where something
            is to run, the way is `place`, and the task None.

    Raises:
        MissingPlugin, PluginConflict, InvalidPlugin: A plugin cannot be attached.
    """

    def __init__(
        self,
        *plugins: object,
        defaults: Option | Iterable[Option] = (),
        executor: str | Executor | Threads | None = None,
        strict: bool = False,
        strict_plugins: bool = False,
        inherit: bool = True,
        configured: bool = False,
        quiet: bool = False,
        name: str | None = None,
    ) -> None:
        self.name = None if name is None else _NAME.check("name", name, owner="Session")
        self.id = os.urandom(6).hex()
        self.strict_plugins = strict_plugins
        self.locks = KeyedLocks()
        self.clock: Clock = SYSTEM_CLOCK
        self.outer: Session | None = None
        self.masks = Masks()
        self.diverted: Divert | None = None
        self._own_strict = self.strict = strict
        self._own_defaults = self.defaults = _checked_defaults(defaults)
        self._inherit = inherit
        # Two locks, always taken in this order: the first while a session starts or ends, the second around changes.
        # Ends run without the second, as they may wait for threads whose calls need it.
        self._lifecycle = new_rlock()
        self._entered = 0
        self._inherited = 0  # of these, in a forked child
        self._words: list[str] = []  # that plugins have to say of a forked child, at its first call
        self._bound: weakref.WeakSet[Task[..., Any]] = weakref.WeakSet()
        self._pending: dict[Future[Any], Callable[[], bool] | None] = {}
        self._waits = True  # for the bodies that its pools run, at its end
        self._is_draining = False
        self.streams: set[OpenStream] = set()
        self.in_flight: InFlight | None = None
        self._quiet = quiet
        super().__init__(configuration.with_configured(plugins) if configured else plugins, executor)
        after_fork(self._leave_to_parent)

    def __repr__(self) -> str:
        name = "" if self.name is None else f"{self.name!r} "
        return f"<Session {name}{self.id} of {', '.join(self.plugins) or 'no plugins'}>"

    @property
    def is_open(self) -> bool:
        """Whether somebody has entered this session and not left it yet."""
        return self._entered > 0

    @property
    def abandoned_threads(self) -> int:
        """How many threads of this process still run a body that outlived its limit."""
        return abandoned_threads()

    # For the whole process --------------------------------------------------------------------------------------

    def install(self, *, replace: bool = False) -> Self:
        """Have this session, which is opened if it is not open, serve wherever no other is current; return it.

        That is in every thread and every context of the process, whoever made it: a server's, a framework's. It ends with
        `uninstall()`, when its `with` block is left, and at the end of the process. Installing it again is counted. The default
        session makes way for it.

        Args:
            replace: End the session that is installed already, and take its place, as a reloaded module or the cell of a notebook
                does; without, that is an error.

        Raises:
            SessionError: Another session is installed, or this one was opened inside another.
            ConfigError: The configuration is broken.
        """
        with ENDING:
            installing.install(self, replace=replace)
        return self

    def uninstall(self, grace: float = installing.GRACE) -> None:
        """Have this session serve no longer, and end it; when it was installed several times, at the last `uninstall`.

        From now on no call sees it. It waits for those that it serves already, and for what was submitted. What still runs then is
        ended for observers, as cancelled, and what it does afterwards is told to nobody; what has not begun is dropped. In the
        thread of an event loop it does not wait for that loop's own calls: `await asyncio.to_thread(session.uninstall)` does.

        Args:
            grace: How long to wait, in seconds.

        Raises:
            SessionError: It is not installed, or this is inside one of its calls.
        """
        with ENDING:
            installing.uninstall(self, grace)

    @property
    def is_draining(self) -> bool:
        """Whether new work is not to begin here any more: this session drains, one around it, or the process by SIGTERM."""
        around = self.outer is not None and self.outer.is_draining
        return self._is_draining or around or ENDING.has_begun

    def drain(self) -> None:
        """Begin no new work from now on; what runs goes on, and so do the calls that it makes.

        For programs that end soon: schedules start no more runs, queues no more items, and the health endpoint says 503, so that
        no more requests are sent here. Plugins are told by the hook `session_draining`, those of sessions inside this one, too.
        It does not wait, and lasts until the session ends. Draining twice is fine.

        Raises:
            SessionError: It is not open.
        """
        if not self.is_open:
            raise SessionError(
                f"{self!r} is not open, so there is nothing to drain: it has not begun, or is over."
            )
        self.begin_draining()
        OPEN_AT_EXIT.drain(self)

    def begin_draining(self) -> None:
        """Do what `drain` does, for this session alone, and tell its plugins once."""
        with self._guard:
            first, self._is_draining = not self._is_draining, True
        if first:
            self.ask("session_draining", session=self)

    def is_inside(self, around: Session) -> bool:
        """Whether this is that session, or was opened inside it."""
        return self is around or (self.outer is not None and self.outer.is_inside(around))

    def track_calls(self) -> None:
        """Know from now on which calls run in this session."""
        if self.in_flight is None:
            self.in_flight = InFlight()
            self.pm.changed()

    def begin_anew(self) -> None:
        """Go on in a forked child: with an id of its own, as those inside, and no calls, as those that have begun are the parent's.

        Of those that have entered it, only the blocks around the fork came along: `disown` ends it without them.
        """
        self._inherited = (*outer_sessions.get(), active_session.get()).count(self)
        self._entered = _BY_INSTALLING + self._inherited
        self._is_draining = False
        self.faults.counts.clear()
        self._places.clear()
        if self.in_flight is not None:
            self.in_flight.clear()
        for inner in {self, *outer_sessions.get(), active_session.get()}:
            if inner is not None and inner.is_inside(self):
                inner.id = os.urandom(6).hex()
                inner.pm.changed()
        self._words = self.ask("session_forked", session=self)

    def disown(self) -> None:
        """Count those no more that entered it in the process that this one was forked from: they do not end it here."""
        self._entered -= self._inherited
        self._inherited = 0

    def is_busy(self) -> bool:
        """Whether anything runs here that may end while this thread waits for it: what its event loop runs does not."""
        counted = [] if self.in_flight is None else self.in_flight.running()
        running = [*counted, *(stream.call for stream in list(self.streams))]
        if loop_runs_here():
            return bool(self._pending) or not all(call.is_async for call in running)
        return bool(self._pending or running or (self.in_flight is not None and self.in_flight.groups))

    def let_go(self, times: int = 1) -> list[Call]:
        """Drop what has not begun, and end for observers what runs, though it goes on; return the calls that do.

        Where others are in the session than who is about to leave it so many times, it goes on, and nothing happens.
        """
        if self.in_flight is None or self._entered > times:
            return []
        self._drop_pending()
        going_on = [*self.in_flight.abandon(), *(stream.call for stream in list(self.streams))]
        self._waits = self._waits and not going_on
        return going_on

    def _drop_pending(self) -> None:
        """Cancel what was submitted and has not begun, and wait for none of it at the end."""
        for future in list(self._pending):
            future.cancel()
        self._waits = not self._pending
        self._pending.clear()

    def explain(self, task: Task[..., Any]) -> Explanation:
        """Tell what `task` does in this session: layers in order, scopes, observers of each event."""
        from pegboard.plans.explain import explain

        return explain(task._plan_in(self) if self.is_open else make_plan(self, task))

    # A context manager ------------------------------------------------------------------------------------------

    def __enter__(self) -> Self:
        is_in = False
        try:
            with ENDING:
                self.acquire(current_session())
                OPEN_AT_EXIT.add(self)
                outer_sessions.set((*outer_sessions.get(), active_session.get()))
                active_session.set(self)
                is_in = True
                running_call.set(running_call.get())  # to replace a value takes less time than to add one
        except SystemExit as error:
            if is_in:  # of SIGTERM, meanwhile: the block is never entered, and so not left
                self.__exit__(SystemExit, error, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with ENDING:
            self._step_out()
            self._leave(error, place_here())

    def _leave(
        self,
        error: BaseException | None,
        place: tuple[int, object],
        close_streams: Callable[[], list[BaseException]] | None = None,
    ) -> None:
        try:
            with hurrying_after(error):
                if self._entered <= 1 + _BY_INSTALLING:
                    installing.leave(self, place)
                self.release(error, close_streams)
        finally:
            OPEN_AT_EXIT.remove(self)

    async def __aenter__(self) -> Self:
        running_loop()
        return self.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        import asyncio

        loop = asyncio.get_running_loop()

        def close_streams() -> list[BaseException]:
            return asyncio.run_coroutine_threadsafe(self._aclose_streams(), loop).result()

        with ENDING:
            self._step_out()
            # Ends may flush and wait, which must not stop the loop; and once begun they run to their own end.
            place = place_here()
            leave = partial(copy_context().run, self._leave, error, place, close_streams)
            try:
                ending = loop.run_in_executor(None, leave)
            except RuntimeError:  # the main thread has ended, and no thread begins any more
                failures = await self._aclose_streams()
                self._leave(error, place, lambda: failures)
                return
        try:
            await asyncio.shield(ending)
        except asyncio.CancelledError:
            await asyncio.wait([ending])
            raise

    def _step_out(self) -> None:
        """Make the session around this one current again."""
        if active_session.get() is self:
            _uncover()
        elif self in outer_sessions.get():
            raise SessionError(
                f"{self!r} is left while {active_session.get()!r}, which was entered inside it, is current.\n"
                f"Sessions nest: leave the inner one first."
            )
        elif not self.is_open:
            raise SessionError(f"{self!r} is left, and it was not entered, or was left before.")
        # Else this is another context than the one that entered it, as where a fixture or a lifespan is closed elsewhere: it ends,
        # and the other context finds that it has.

    def acquire(self, around: Session | None) -> None:
        """Start the session, if nobody is in it yet."""
        with self._lifecycle:
            if self._entered == 0:
                self._start(around)
            self._entered += 1

    def release(
        self,
        error: BaseException | None,
        close_streams: Callable[[], list[BaseException]] | None = None,
    ) -> None:
        """End the session, if nobody else is in it, once everything that was submitted is over and all streams are closed.

        Both come first and hold no lock: what runs may submit more, and may enter this session itself.

        Args:
            error: What the session's body raised, or None.
            close_streams: Closes the streams, and returns what went wrong; None to close those that need no event loop.
        """
        failures: list[BaseException] = []
        while not self._is_released(error, failures):
            failures = self._finish_pending()
            if self.streams and not failures:
                failures = (close_streams or self._close_streams)()

    def _is_released(self, error: BaseException | None, failures: list[BaseException]) -> bool:
        """Take one entry back, unless there is something to wait for; the last one ends the session."""
        with ENDING, self._lifecycle:
            if self._entered == 1 and not failures and (self._pending or self.streams):
                return False
            if self._entered:  # else it was ended, as the process is
                self._entered -= 1
                self._inherited = min(self._inherited, max(self._entered - _BY_INSTALLING, 0))
                if self._entered == 0:
                    self._end(error, failures)
            return True

    def end_at_exit(self, times: int) -> list[str]:
        """Take so many entries back that nobody left, as the program ends, and return what was lost.

        When these are the last, it ends: what runs in pools is waited for, what belongs to an event loop cannot go on.
        """
        if not self._lifecycle.acquire(timeout=time_for_end(1.0)):
            return ["what plugins would send or write at its end, as another thread is starting or ending it"]
        lost: list[str] = []
        try:
            if self._entered > times:  # it is the default session, or installed, and so ends by itself
                self._entered -= times
                return []
            lost += self._drop_unfinished()
            if going_on := len(self.let_go(times)):
                lost.append(f"the ends of calls that go on: {going_on}")
            failures = self._close_streams()
            self._entered = 0
            self._end(None, failures)
        except Exception as error:  # noqa: BLE001 - nobody is there to catch it
            failed = error.exceptions if isinstance(error, ExceptionGroup) else [error]
            lost += [failure_text(each) for each in failed]
        finally:
            self._lifecycle.release()
        return lost

    def _drop_unfinished(self) -> list[str]:
        from concurrent.futures import wait

        unfinished = [future for future, needs in list(self._pending.items()) if needs is None]
        wait(unfinished, time_for_work(installing.GRACE))
        number = sum(not future.done() for future in list(self._pending))
        self._drop_pending()
        return [f"calls that were not over: {number}"] if number else []

    def _start(self, around: Session | None) -> None:
        if around is not None:  # also without inheriting: what a task inside raises is recorded outside, too
            self.masks = around.masks
        self._take_over(around if self._inherit else None)
        if around is None:
            self._attach_everywhere()
        self._waits = True
        self._is_draining = False
        if self.in_flight is not None and self.in_flight.closed:
            self.in_flight = None
            self.track_calls()
        self.bring_executor(self.executors.default)
        self._storages.clear()
        started: list[object] = []
        try:
            for _, plugin in self._own:  # as it grows: a plugin may attach another when it starts
                self._call_hook("session_start", plugin)
                started.append(plugin)
            if around is None and not (self._quiet or self.in_worker):
                SERVING.opened(self)
        except BaseException as error:
            for failure in self._call_all("session_end", reversed(started)):
                note_on(error, f"and while undoing the start: {failure_text(failure)}")
            raise

    def _attach_everywhere(self) -> None:
        for name in discovery.everywhere():
            if not self.pm.has_plugin(name):
                self._attach(name)

    def _take_over(self, around: Session | None) -> None:
        """Become what this session's own parts and the session around it make; another one than at its last start, maybe."""
        if around is None and self.outer is None:
            return
        own_names = {name for name, _ in self._own}
        inherited = [] if around is None else [*around.plugins.items()]
        manager = Manager(configuration.disabled_plugins(), self._changed, self.faults.of_observer)
        entries = [entry for entry in inherited if entry[0] not in own_names] + self._own
        # All specs first: an inherited plugin may implement those of one that is replaced.
        for name, plugin in entries:
            manager.bring_specs(name, plugin)
        for name, plugin in entries:
            manager.register(plugin, name)
        self.pm = manager
        self.outer = around
        self.in_flight = None if around is None else around.in_flight
        own_types = {type(option) for option in self._own_defaults}
        defaults = () if around is None else around.defaults
        self.defaults = (*self._own_defaults, *(each for each in defaults if type(each) not in own_types))
        self.strict = self._own_strict or (around is not None and around.strict)
        self.clock = SYSTEM_CLOCK if around is None else around.clock
        self.executors = self._own_executors or (Executors(None) if around is None else around.executors)

    def _end(self, error: BaseException | None, failures: list[BaseException]) -> None:
        SERVING.closed(self)
        for end in self._own_ends():
            with hurrying_after(error, *failures):
                try:
                    end()
                except BaseException as raised:  # noqa: BLE001 - all ends run; they are raised together
                    failures.append(raised)
        for task in list(self._bound):
            task._forget(self)
        self._bound.clear()
        self._places.clear()
        if self.executors is self._own_executors or self.outer is None:
            with hurrying_after(error, *failures):
                self.executors.close(wait=self._waits and time_for_work() != 0)
        raise_interrupt(error, failures)
        if not failures:
            return
        if error is not None:  # it is on its way, and must not be replaced
            for failure in failures:
                note_on(error, f"and at the end of the session: {failure_text(failure)}")
            return
        if len(failures) == 1 and isinstance(failures[0], SessionError):
            raise failures[0]
        raise ExceptionGroup(
            "plugins failed at the end of the session", [f for f in failures if isinstance(f, Exception)]
        )

    def _finish_pending(self) -> list[BaseException]:
        """Wait for what was submitted so far; nothing of a session goes on after its end."""
        from concurrent.futures import wait

        if any(needs is not None and needs() for needs in list(self._pending.values())):
            return [
                SessionError(
                    f"{self!r} is left while coroutines in it run in the event loop of this thread, which `with` would block for "
                    f"ever.\nLeave it with `async with Session(...)`, or wait for them first."
                )
            ]
        try:
            done, late = wait(list(self._pending), time_for_work())
            for future in done:
                self._let_go(future)  # an interrupt may have kept it from being told
            if late:
                warn(
                    "%r ends while calls that were submitted to it go on: %d. Their time is over.",
                    self,
                    len(late),
                )
                self._drop_pending()
        except BaseException as error:  # noqa: BLE001 - KeyboardInterrupt: the ends run all the same
            return [error]
        return []

    def _close_streams(self) -> list[BaseException]:
        failures: list[BaseException] = []
        for stream in list(self.streams):
            try:
                stream.close()
            except BaseException as error:  # noqa: BLE001 - of its body, which was cleaning up: the others are closed, too
                failures.append(error)
        return failures

    async def _aclose_streams(self) -> list[BaseException]:
        failures: list[BaseException] = []
        for stream in list(self.streams):
            try:
                await stream.aclose()
            except BaseException as error:  # noqa: BLE001 - of its body, which was cleaning up: the others are closed, too
                failures.append(error)
        return failures

    # For the rest of the core -----------------------------------------------------------------------------------

    def plan_for(self, task: Task[..., Any]) -> Plan:
        """Return the plan of a task, made now if there is none or if plugins changed since; the task keeps it."""
        if self.diverted is not None:
            return cast("Plan", DivertedPlan(self, task))
        if self._words:
            self._tell_words()
        with self._guard:
            plan = task._plans.get(self)
            if plan is None or plan.version != self.version:
                plan = task._plans[self] = make_plan(self, task)
                self._bound.add(task)
            return plan

    def _tell_words(self) -> None:
        words, self._words = self._words, []
        warn(
            "%r goes on in process %d, which was forked from the one that it was installed in. What is that one's alone:\n%s\nA process "
            "that is to have it all installs a session of its own after the fork: Session(...).install(replace=True).",
            self,
            os.getpid(),
            "\n".join(f"- {each}" for each in words),
        )

    def _leave_to_parent(self) -> None:
        """In a forked child: what was submitted in the parent ends there, and so do the calls and streams that go on."""
        self._pending = {}
        for call in (
            calls_around()
        ):  # for observers; of what returns here all the same those of no installed session are told
            stage = ENDED if call.session.in_flight is None else LEFT
            call.stage, call.attempt_ended = stage, call.attempt
            keep_id(call)
            if call.group is not None:
                call.group.stage = stage
        for stream in self.streams:
            stream.leave_to_parent()
        self.streams = set()

    def keep(self, future: Future[Any], *, needs_this_thread: Callable[[], bool] | None = None) -> None:
        """Wait for this future before the session ends.

        Args:
            future: What to wait for.
            needs_this_thread: Tells, in the thread that is to wait, whether it could not end meanwhile.
        """
        self._pending[future] = needs_this_thread
        future.add_done_callback(self._let_go)

    def _let_go(self, future: Future[Any]) -> None:
        self._pending.pop(future, None)


def abandoned_threads() -> int:
    """Return how many threads of this process still run a body that outlived its limit."""
    return SIDE_THREADS.abandoned


def current_session() -> Session | None:
    """Return the session that serves here: the innermost open one of this context, else the installed one, else None.

    One that was ended in another context is nobody's any more, so this context forgets it.
    """
    session = active_session.get()
    while session is not None and not session.is_open:
        session = _uncover()
    return SERVING.installed if session is None else session


def _uncover() -> Session | None:
    """Make the session around the current one current again, in this context, and return it."""
    *outer, around = outer_sessions.get() or (None,)
    outer_sessions.set(tuple(outer))
    active_session.set(around)
    return around


def _checked_defaults(defaults: Option | Iterable[Option]) -> tuple[Option, ...]:
    several = isinstance(defaults, Iterable) and not isinstance(defaults, str)
    checked = tuple(cast("Iterable[Option]", defaults)) if several else (cast("Option", defaults),)
    for option in checked:
        refuse_non_option(option, "defaults", "defaults=[{}, ...]")
    single = [type(option) for option in checked if not option.repeatable]
    if len(set(single)) < len(single):
        raise TypeError("defaults holds two options of the same class.")
    return checked
