"""The plugin: the limits that there are, and the layers around every task that asks for some."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from pegboard import Layer, Option, hookimpl
from pegboard.parts import checks, new_lock
from pegboard.parts.signatures import refuse_unfit
from pegboard_limits import hookspecs
from pegboard_limits._in_process import LimitsInProcess, monotonic_of
from pegboard_limits._registry import Registry
from pegboard_limits.breaker.layer import breaker_layer
from pegboard_limits.breaker.option import Breaker
from pegboard_limits.breaker.state import BreakerRecord, BreakerState
from pegboard_limits.concurrency.option import Concurrency
from pegboard_limits.rate.option import RateLimit

if TYPE_CHECKING:
    from pegboard import Session, Task
    from pegboard_limits._in_store import LimitsInStore

O = TypeVar("O", bound=Option)  # noqa: E741


class Limits:
    """Keeps tasks from overrunning what they call: breakers, rates, slots.

    One instance may serve several sessions, one after another or at once: their tasks share its limits. A session that
    gets the plugin from an option makes one of its own.

    Args:
        store: None keeps limits within this process. The URL of a Redis makes `RateLimit` and `Concurrency` hold for
            all processes that use it; breakers stay in the process.
        prefix: What the keys in the store begin with.
        lease: Seconds after which the slot of a process that was killed comes free; renewed three times as often.
        on_store_error: What happens when a limit cannot be checked: `raise` a `LimitStoreError`, or `allow` the call.

    Raises:
        ConfigError: `store` is no URL of a Redis, or its client is not installed.
    """

    name = "limits"
    hookspecs = hookspecs

    def __init__(
        self,
        store: str | None = None,
        *,
        prefix: str = "pegboard",
        lease: float = 30.0,
        on_store_error: Literal["raise", "allow"] = "raise",
    ) -> None:
        _check(prefix, lease, on_store_error)
        self._worker_settings = (
            None
            if store is None
            else {"store": store, "prefix": prefix, "lease": lease, "on_store_error": on_store_error}
        )
        self._breakers: Registry[BreakerState] = Registry("breaker")
        self._rates_and_slots: LimitsInProcess | LimitsInStore = LimitsInProcess()
        if store is not None:
            from pegboard_limits._in_store import LimitsInStore
            from pegboard_limits.store.redis_store import RedisStore, check_url

            found = RedisStore(check_url(store), prefix, lease, allow=on_store_error == "allow")
            self._rates_and_slots = LimitsInStore(found)
        self._guard = new_lock()
        self._sessions = 0

    def worker_settings(self) -> dict[str, Any] | None:
        """Hold workers to the same limits where they are kept in a store; those kept here cannot be shared."""
        return self._worker_settings

    @hookimpl
    def session_start(self) -> None:
        """Count the sessions that use this instance."""
        with self._guard:
            self._sessions += 1

    @hookimpl
    def session_end(self) -> None:
        """End the connection to the store with the last session; a later call makes a new one."""
        with self._guard:
            self._sessions -= 1
            last = not self._sessions
        if last:
            self._rates_and_slots.close()

    @hookimpl
    def bind(self, session: Session, task: Task[..., Any]) -> list[Layer] | None:
        """Put a layer around a task for each limit that it asks for."""
        # Slots are taken in the same order by all tasks, or two calls could wait for each other's for ever.
        shared_first = sorted(_all(task, Concurrency), key=lambda each: (each.name is None, each.name or ""))
        # The slowest rate is the outermost: what it lets through in a bunch, the others spread.
        slow_first = sorted(_all(task, RateLimit), key=lambda each: each.number / each.seconds)
        # By the name of the limit: asking for the same one twice is asking once.
        layers = dict(self._rates_and_slots.concurrency(task, option) for option in shared_first).values()
        rates = dict(self._rates_and_slots.rate(session, task, option) for option in slow_first).values()
        return [*layers, *self._breaker(session, task), *rates] or None

    def breakers(self) -> Mapping[str, BreakerRecord]:
        """Tell what every breaker is like now, by name.

        A breaker of a task's own has the task's name; where several would have one name, the later ones are numbered:
        `fetch`, `fetch#2`. A breaker exists from the first call of a task that asks for it.
        """
        return {state.name: state.record() for state in self._breakers.all()}

    def _breaker(self, session: Session, task: Task[..., Any]) -> list[Layer]:
        option = task.option(Breaker)
        if option is None:
            return []
        for name, errors in (("on", option.on), ("unless", option.unless)):
            if not isinstance(errors, tuple | type):
                refuse_unfit(errors, "error", what=f"Breaker({name}=...)", plugin=self.name, task=task.name)
        monotonic = monotonic_of(session)
        state = self._breakers.get(task, option, lambda name: BreakerState(name, option, monotonic))
        state.use_clock(monotonic)
        return [breaker_layer(session, state, option.counts())]


def _all(task: Task[..., Any], cls: type[O]) -> list[O]:
    return [option for option in task.options if isinstance(option, cls)]


def _check(prefix: object, lease: object, on_store_error: object) -> None:
    if not isinstance(prefix, str) or not prefix or {"{", "}"} & set(prefix):
        raise ValueError(f"prefix is a string without braces, and not empty, not {checks.shown(prefix)}.")
    checks.seconds(least=0.1).check("lease", lease, owner="Limits")
    checks.one_of("raise", "allow").check("on_store_error", on_store_error, owner="Limits")
