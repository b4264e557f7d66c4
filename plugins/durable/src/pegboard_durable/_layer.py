"""What happens around a call of a durable task: it is a run of its own, or a step of one."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from pegboard import Layer, Order, hookimpl
from pegboard.sessions.ending import ENDING
from pegboard_durable._codec import decode, decode_error, digest_of, encode, encode_error
from pegboard_durable._errors import InDoubt, JournalCorrupt, JournalDiverged, JournalUnavailable
from pegboard_durable._execution import POSITION, Position
from pegboard_durable._option import Probe
from pegboard_durable._tasks import fingerprint_of

if TYPE_CHECKING:
    from pegboard import Call, Task
    from pegboard.layers import Proceed
    from pegboard_durable._execution import Execution
    from pegboard_durable._option import Durable
    from pegboard_durable._records import Step
    from pegboard_durable._runs import Runs

_NOT_OUTCOMES = (JournalUnavailable, JournalCorrupt)
_MISSING = object()


class DurableCalls:
    """The layer around one task in one session, and the observer of its retries."""

    def __init__(self, task: Task[..., Any], option: Durable, runs: Runs) -> None:
        self._task = task
        self._option = option
        self._runs = runs
        self._name = option.key or task.name
        self._fingerprint = fingerprint_of(task)

    def layer(self) -> Layer:
        """Make the layer."""
        return Layer("durable", Order.JOURNAL, run=self._run, made=self._made)

    def _made(self, call: Call) -> None:
        """Name the step where its call is made: a coroutine may be awaited in any order."""
        position = POSITION.get()
        if position is not None:
            call.state[DurableCalls] = position.key_of_call(call, self._name)

    async def _run(self, call: Call, proceed: Proceed) -> Any:
        position = POSITION.get()
        if position is None:
            return await self._runs.run(call, proceed, self)
        return await self._step(call, proceed, position)

    async def run_root(self, call: Call, proceed: Proceed, execution: Execution) -> Any:
        """Run the task as the run itself."""
        found = execution.records.get("")
        if found is not None and found.status == "retrying":
            call.attempt = found.attempt
        position = Position(execution, "", call)
        token = POSITION.set(position)
        try:
            value = await proceed(call)
            left = position.taken()
            if left:
                await execution.writing(call, left)
            return value
        finally:
            POSITION.reset(token)

    async def _step(self, call: Call, proceed: Proceed, position: Position) -> Any:
        execution = position.execution
        position.refuse_transaction(f"{self._name!r} is called")
        execution.check()
        key = call.state.get(DurableCalls) or position.key_of_call(call, self._name)
        call.state[DurableCalls] = key
        digest = digest_of(call.args, call.kwargs)
        found = execution.records.get(key)
        if found is not None and not self._is_changed(execution, found, digest):
            answer = await self._recorded(call, position, found)
            if answer is not _MISSING:
                return answer
        return await self._run_step(call, proceed, position, key, digest)

    def _is_changed(self, execution: Execution, found: Step, digest: str) -> bool:
        """Whether a step is to run because it was recorded with other arguments."""
        if found.digest == digest or self._option.on_change == "trust" or not (found.digest and digest):
            return False
        if self._option.on_change == "rerun":
            return True
        raise JournalDiverged(
            f"run {execution.run_id!r} calls {self._name!r} at {found.key!r} with other arguments than were recorded there.\n"
            f"What was done cannot be taken for what is to be done now. Go on with the program that began the run; or let this "
            f"step be run again, or trusted, with Durable(on_change=...).",
            run_id=execution.run_id,
            key=found.key,
            recorded=found.digest,
            now=digest,
        )

    async def _recorded(self, call: Call, position: Position, found: Step) -> Any:
        """Return what is recorded of a step, or raise it; `_MISSING` if it is to run."""
        if found.status == "retrying":
            call.attempt = found.attempt
            return _MISSING
        if found.status == "intent":
            return await self._in_doubt(call, position, found)
        if found.status == "error" and found.enclosing != position.attempt:
            return _MISSING
        call.source = "journal"
        call.emit("on_replay", found.key)
        _replay_state(position.execution, found.key)
        if found.status == "error":
            raise decode_error(_data(found))
        return decode(_data(found))

    async def _in_doubt(self, call: Call, position: Position, found: Step) -> Any:
        """Decide about a step that began, and whose outcome nobody recorded."""
        doubt = self._option.on_doubt
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
            value = await call.io(doubt.function, *call.args)
        except LookupError:
            return _MISSING
        await self._record(call, position, found._replace(status="ok", value=self._encoded(value)))
        call.source = "journal"
        return value

    async def _run_step(self, call: Call, proceed: Proceed, position: Position, key: str, digest: str) -> Any:
        """Run a step and record its outcome; SIGTERM ends the program when that is done."""
        with ENDING:
            return await self._run_to_outcome(call, proceed, position, key, digest)

    async def _run_to_outcome(
        self, call: Call, proceed: Proceed, position: Position, key: str, digest: str
    ) -> Any:
        position.execution.begin_step()
        begun = position.step(
            key, "step", "intent", digest=digest, fingerprint=self._fingerprint, attempt=call.attempt
        )
        before = position.taken(*((begun,) if self._option.effect == "once" else ()))
        if before:  # what the body hands out must be the same after a crash
            await position.execution.writing(call, before)
        started = time.perf_counter()
        inner = Position(position.execution, key, call)
        token = POSITION.set(inner)
        try:
            value = await proceed(call)
            data = self._encoded(value)
        except Exception as error:
            inner.drop_transaction()
            if position.execution.fault is not None:
                raise position.execution.fault from None
            failed = self._ended(begun, "error", encode_error(error), call, position, started)
            await self._record(call, inner, failed)
            raise
        except BaseException:
            inner.drop_transaction()
            raise
        finally:
            POSITION.reset(token)
        if position.execution.fault is not None:
            raise position.execution.fault
        await self._record(call, inner, self._ended(begun, "ok", data, call, position, started))
        return value

    def _ended(
        self, begun: Step, status: Any, data: bytes, call: Call, position: Position, started: float
    ) -> Step:
        return begun._replace(
            status=status,
            value=data,
            attempt=call.attempt,
            enclosing=position.attempt,
            duration=time.perf_counter() - started,
        )

    def _encoded(self, value: object) -> bytes:
        return encode(value, task=self._name, most=self._option.max_bytes)

    async def _record(self, call: Call, lane: Position, step: Step) -> None:
        await lane.record(call, lane.taken(step))

    @hookimpl
    def on_retry(self, call: Call, attempt: int) -> None:
        """Note how often a step ran, so that a resumed run goes on counting, and does not wait again."""
        position = POSITION.get()
        if position is None:
            return
        position.drop_transaction()
        key = position.scope if position.call is call else call.state.get(DurableCalls, "")
        step = position.step(key, "step" if key else "root", "retrying", attempt=attempt)
        position.execution.write([step])


def _data(step: Step) -> bytes:
    return b"" if step.value is None else step.value


def _replay_state(execution: Execution, key: str) -> None:
    """Have what a step that does not run again kept in `state`."""
    for step in execution.kept_in(key):
        name, value = decode(_data(step))
        execution.values[name] = value
