"""What happens around a call of a durable task: it is a run of its own, or a step of one."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from pegboard import Layer, Order, Suspended, TaskTimeout, hookimpl
from pegboard.sessions.ending import ENDING
from pegboard_durable import _undoing
from pegboard_durable._annotations import unrecordable
from pegboard_durable._codec import decode, decode_error, digest_of, encode
from pegboard_durable._errors import (
    CodeChanged,
    InDoubt,
    JournalCorrupt,
    JournalDiverged,
    JournalUnavailable,
    NotRecordable,
    RunCancelled,
)
from pegboard_durable._groups import only_reason
from pegboard_durable._option import Probe
from pegboard_durable._position import POSITION, Position, escaped, here, written
from pegboard_durable._records import StepInfo
from pegboard_durable._state import replay_state
from pegboard_durable._tasks import fingerprint_of

if TYPE_CHECKING:
    from pegboard import Call, Session, Task
    from pegboard.layers import Proceed
    from pegboard_durable._execution import Execution
    from pegboard_durable._option import Durable
    from pegboard_durable._records import Step
    from pegboard_durable._runs import Runs

NOT_OUTCOMES = (JournalUnavailable, JournalCorrupt, JournalDiverged, InDoubt, CodeChanged)
"""Errors that say nothing of the work: a step that they leave is open, and a run wants a look."""

_RUN = ""  # the key of the run's own attempts
_MISSING = object()


class DurableCalls:
    """The layers around one task in one session, and the observer of its retries."""

    def __init__(
        self, session: Session, task: Task[..., Any], option: Durable, runs: Runs, plugin: type
    ) -> None:
        self.task = task
        self.option = option
        self.name = escaped(option.key or task.name)
        self.fingerprint = fingerprint_of(task)
        self._runs = runs
        self._plugin = plugin
        figures = runs.figures(session)
        self._replays = figures.replays_of(task.name)
        self._durations = figures.durations_of(task.name)
        self._unrecordable = unrecordable(task)

    def layers(self) -> list[Layer]:
        """Make the layers: around everything, and around each attempt."""
        if self.task.kind in ("generator", "async_generator"):
            from pegboard_durable._streams import DurableStreams

            return [Layer("durable", Order.JOURNAL, stream=DurableStreams(self).stream)]
        return [
            Layer("durable", Order.JOURNAL, run=self._run, made=self.named),
            Layer("durable-attempt", Order.PLACE - 1, run=self.attempt),
        ]

    def named(self, call: Call) -> None:
        """Name the step where its call is made: it may be awaited, or run in a thread, in any order."""
        position = POSITION.get()
        if position is not None and DurableCalls not in call.state:
            key = call.state[DurableCalls] = position.key_of_call(call, self.name)
            position.execution.read(key)

    def begin(self, call: Call, position: Position) -> str:
        """Return the key of a step that is called, and refuse one that cannot be recorded."""
        self.refuse_unrecordable()
        execution, state = position.execution, call.state
        execution.check()
        key: str | None = state.get(DurableCalls)
        if key is None:
            key = state[DurableCalls] = position.key_of_call(call, self.name)
        state[self._plugin] = StepInfo(execution.run_id, key)
        return key

    def refuse_unrecordable(self) -> None:
        """Refuse a task whose annotation says that its result cannot be recorded, before anything of it runs.

        Raises:
            NotRecordable: It is one.
        """
        if self._unrecordable is not None:
            found = self._unrecordable.__qualname__
            raise NotRecordable(
                f"task {self.name!r} is Durable() and returns a {found}, which cannot be recorded: a resumed run would not get it "
                f"again.\nReturn plain data, or a reference to where it is kept; nothing of the task has run.",
                task=self.name,
                type=found,
            )

    async def _run(self, call: Call, proceed: Proceed) -> Any:
        position = POSITION.get()
        if position is None:
            self.refuse_unrecordable()
            return await self._runs.run(call, proceed, self)
        return await self.step(call, proceed, position)

    # A run.

    async def run_root(self, call: Call, proceed: Proceed, execution: Execution) -> Any:
        """Run the task as the run itself."""
        found = execution.read(_RUN)
        if found is not None and found.status == "retrying":
            await go_on_counting(call, execution, found)
        call.state[self._plugin] = StepInfo(execution.run_id, "")
        position = Position(execution, "", call)
        call.state[Position] = position, None
        token = POSITION.set(position)
        try:
            self.tell_changed(call, execution, "", execution.fingerprint)
            value = await _reasonable(call, proceed)
            execution.refuse_return()
            self._tell_orphans(call, position)
            if position.has_unwritten:
                await execution.io(call, position.settle)
        except (Exception, RunCancelled) as error:
            if execution.fault is not None or execution.is_replay or isinstance(error, NOT_OUTCOMES):
                raise
            # What is done meanwhile is to be taken back, too; but a time limit waits for nothing.
            if execution.begin_no_more() and not isinstance(error, TaskTimeout):
                await call.io(execution.wait_for_steps)
            reason = await _undoing.take_back(call, position, error)
            if reason is error:
                raise
            raise reason from None
        except Suspended:
            if execution.fault is None and execution.begin_no_more():
                await call.io(execution.wait_for_steps)
            raise
        else:
            return value
        finally:
            execution.returned()
            POSITION.reset(token)

    # A step.

    async def step(self, call: Call, proceed: Proceed, position: Position) -> Any:
        key = self.begin(call, position)
        digest = digest_of(call.args, call.kwargs)
        execution = position.execution
        found = execution.read(key)
        if found is not None and not self.is_changed(execution, found, digest):
            self.tell_changed(call, execution, key, found.fingerprint)
            answer = await self._recorded(call, position, found)
            if answer is not _MISSING:
                return answer
        position.refuse_transaction(f"{self.name!r} is called")
        if execution.is_replay:
            self._tell_orphans_at_home(call, position)
        execution.check_new(is_undo=position.is_undo)
        self._tell_orphans_at_home(call, position)
        return await self._run_step(call, proceed, position, key, digest)

    def is_changed(self, execution: Execution, found: Step, digest: str) -> bool:
        """Whether a step is to run because it was recorded with other arguments.

        Raises:
            JournalDiverged: It was, and that is not wanted.
        """
        if found.digest == digest or self.option.on_change == "trust" or not (found.digest and digest):
            return False
        if self.option.on_change == "rerun":
            execution.forget_below(found.key)
            return True
        raise JournalDiverged(
            f"run {execution.run_id!r} calls {self.name!r} at {found.key!r} with other arguments than were recorded there.\n"
            f"What was done cannot be taken for what is to be done now. Go on with the program that began the run; or let this "
            f"step be run again, or trusted, with Durable(on_change=...).",
            run_id=execution.run_id,
            key=found.key,
            recorded=found.digest,
            now=digest,
        )

    async def _recorded(self, call: Call, position: Position, found: Step) -> Any:
        """Return what is recorded of a step, or raise it; `_MISSING` if it is to run."""
        execution = position.execution
        if execution.is_replay and found.status in ("retrying", "intent"):
            return _MISSING
        if found.status == "retrying":
            if _is_of_now(call, position, found):
                await go_on_counting(call, position.execution, found)
            return _MISSING
        if found.status == "intent":
            return await self._in_doubt(call, position, found)
        if found.status == "error" and not _is_of_now(call, position, found):
            return _MISSING
        self.replayed(call, position.execution, found)
        if found.status == "error":
            raise decode_error(data_of(found))
        _undoing.note_done(call, position.execution, found.key)
        return decode(data_of(found))

    def replayed(self, call: Call, execution: Execution, found: Step) -> None:
        """Tell that a step is answered from the journal, and have what it kept."""
        call.source = "journal"
        self._replays.add()
        call.emit("on_replay", found.key)
        replay_state(execution, found.key)

    async def _in_doubt(self, call: Call, position: Position, found: Step) -> Any:
        """Decide about a step that began, and whose outcome nobody recorded."""
        doubt = self.option.on_doubt
        if doubt == "rerun":
            return _MISSING
        if not isinstance(doubt, Probe):
            raise InDoubt(
                f"run {position.execution.run_id!r} began {found.key!r}, which is to have its effect once, and nobody recorded how it "
                f"ended.\nFind out whether it happened: Durable(effect='once', on_doubt=probe(function)) asks a function of yours, "
                f"on_doubt='rerun' runs it again.",
                run_id=position.execution.run_id,
                key=found.key,
            )
        try:
            value = await _ask(call, doubt)
        except LookupError:
            return _MISSING
        done = found._replace(status="ok", value=self.encoded(value))
        await position.writing(call, done, *_undoing.rows(call, position, done))
        call.source = "journal"
        _undoing.note_done(call, position.execution, found.key)
        return value

    async def _run_step(self, call: Call, proceed: Proceed, position: Position, key: str, digest: str) -> Any:
        """Run a step and record its outcome; SIGTERM ends the program when that is done."""
        with ENDING, position.execution.in_flight():
            return await self._run_to_outcome(call, proceed, position, key, digest)

    async def _run_to_outcome(
        self, call: Call, proceed: Proceed, position: Position, key: str, digest: str
    ) -> Any:
        execution = position.execution
        if position.has_unwritten or (execution.has_deferred and not self._may_wait(call)):
            await execution.io(
                call, position.settle
            )  # what the body hands out must be the same after a crash
        around = position.attempts(call.parent)
        begun = position.step(
            key, "step", "intent", digest=digest, fingerprint=self.fingerprint, enclosing=written(around)
        )
        started = time.perf_counter()
        inner = Position(execution, key, call, around, is_undo=position.is_undo)
        call.state[Position] = inner, begun
        token = POSITION.set(inner)
        try:
            value = await _reasonable(call, proceed)
            data = self.encoded(value)
            self._tell_orphans(call, inner)
        except Exception as error:
            execution.refuse_fault()
            if not isinstance(error, NOT_OUTCOMES):
                failed = self.ended(begun, "error", execution.encode_error(error), call, started)
                inner.drop_transaction()
                await inner.writing(call, failed)
            raise
        except BaseException:
            inner.drop_transaction()
            raise
        finally:
            POSITION.reset(token)
        execution.refuse_fault()
        done = self.ended(begun, "ok", data, call, started)
        await self._record(call, position, inner, done)
        _undoing.note_done(call, execution, key)
        return value

    async def _record(self, call: Call, position: Position, inner: Position, done: Step) -> None:
        """Record the outcome of a step; in a map that may wait for that of others."""
        rows = (done, *_undoing.rows(call, position, done))
        if self._may_wait(call) and inner.transaction is None:
            await position.execution.deferring(call, (*inner.taken(), *rows), self.option.commit_every)
        else:
            await inner.record(call, *rows)

    def _may_wait(self, call: Call) -> bool:
        """Whether the outcome of a call may be committed with those of others in its map."""
        batched = self.option.commit_every > 1 and self.option.effect == "repeat"
        return batched and call.group is not None and call.group.kind == "map"

    def ended(self, begun: Step, status: Any, data: bytes | None, call: Call, started: float) -> Step:
        """Return the row of a step that ran, and measure how long."""
        duration = time.perf_counter() - started
        self._durations.observe(duration)
        return begun._replace(status=status, value=data, attempt=call.attempt, duration=duration)

    def encoded(self, value: object) -> bytes:
        """Encode what the task gave."""
        return encode(value, task=self.name, most=self.option.max_bytes)

    async def attempt(self, call: Call, proceed: Proceed) -> Any:
        """Let no attempt begin when the run ended meanwhile; of one that is to have its effect once, write that it begins."""
        position, begun = call.state[Position]
        execution = position.execution
        execution.refuse_fault()
        if begun is None:
            execution.state.clear()  # what was kept is there again when it was written again
        elif self.option.effect == "once":
            await position.writing(call, begun._replace(attempt=call.attempt))
        try:
            value = await proceed(call)
        except Exception as error:
            if execution.fault is not None and error is not execution.fault:
                raise execution.fault from error
            if begun is None and execution.has_in_flight and not isinstance(error, TaskTimeout):
                # Or the next attempt would run the same beside them.
                await call.io(execution.wait_for_steps)
            raise
        execution.refuse_fault()  # whatever the body made of it
        return value

    @hookimpl
    def on_retry(self, call: Call, attempt: int, delay: float, ran: bool) -> None:
        """Note how often a step or run was tried, and when it is tried again, so that a resumed run goes on there."""
        position = POSITION.get()
        if position is not None and position.call is call:
            position.drop_transaction()
            kind, key = ("step", position.scope) if position.scope else ("root", _RUN)
            save_retry(position, key, kind, position.around, attempt if ran else attempt - 1, delay)

    # What a resumed run's code has become.

    def tell_changed(self, call: Call, execution: Execution, key: str, before: str) -> None:
        """Tell that code was edited since it was recorded, or refuse to go on with it."""
        if not before or not self.fingerprint or before == self.fingerprint:
            return
        execution.found_changed.append(key)
        call.emit("on_code_changed", key)
        if execution.settings.strict_version:
            where = f"at {key!r}" if key else "of its task"
            raise CodeChanged(
                f"run {execution.run_id!r} was begun with other code {where} than {self.task.name!r} has now, and Durability("
                f"strict_version=True) lets no run go on with that.\nGo on with the program that began it, or without that.",
                run_id=execution.run_id,
                key=key,
            )

    def _tell_orphans_at_home(self, call: Call, position: Position) -> None:
        """Tell of them when new work begins, where nothing else of the position can be under way."""
        if position.home is not None and position.home == here():
            self._tell_orphans(call, position)

    def _tell_orphans(self, call: Call, position: Position) -> None:
        execution = position.execution
        for key in execution.orphans(position.scope):
            call.emit("on_journal_orphan", key)
            if execution.settings.strict:
                raise JournalDiverged(
                    f"run {execution.run_id!r} recorded {key!r}, and the program does not do that any more at this place.\n"
                    f"Go on with the program that began the run; without Durability(strict=True) it would go on.",
                    run_id=execution.run_id,
                    key=key,
                    recorded=execution.records[key].digest,
                    now="",
                )


def _is_of_now(call: Call, position: Position, found: Step) -> bool:
    """Whether a row was written in these attempts of the calls around."""
    return found.enclosing == written(position.attempts(call.parent))


def save_retry(
    position: Position, key: str, kind: Any, around: tuple[int, ...], attempt: int, delay: float
) -> None:
    """Write how many attempts of a call there were, and the wait before the next."""
    position.write(
        position.step(
            key, kind, "retrying", attempt=attempt, duration=max(delay, 0.0), enclosing=written(around)
        )
    )


async def _reasonable(call: Call, proceed: Proceed) -> Any:
    """Proceed; where several things stopped at once, raise what that means to the run."""
    try:
        return await proceed(call)
    except BaseExceptionGroup as group:
        reason = only_reason(group)
        if reason is group:
            raise
        raise reason from group


async def go_on_counting(call: Call, execution: Execution, found: Step) -> None:
    """Have a call go on at the attempt that was to come, and wait for what is left until then."""
    call.attempt = found.attempt
    left = min(found.started_at + found.duration - execution.clock.time(), found.duration)
    await call.sleep(left)


async def _ask(call: Call, probe: Probe) -> Any:
    from inspect import isawaitable

    found = await call.io(lambda: probe.function(*call.args, **call.kwargs))
    return await found if isawaitable(found) else found


def data_of(step: Step) -> bytes:
    """Return the value of a row that has one."""
    return b"" if step.value is None else step.value
