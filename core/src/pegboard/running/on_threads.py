"""Calls handed to an executor, which a waiting thread may run itself."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from contextvars import Context
from typing import TYPE_CHECKING, Any

from pegboard.parts.awaiting import loop_runs_here
from pegboard.parts.forks import new_lock
from pegboard.parts.stopping import Stop, is_cancellation, refuse_stopped, stop_in_force
from pegboard.places import INLINE
from pegboard.running.one import finish_in_thread

if TYPE_CHECKING:
    from concurrent.futures import Future

    from pegboard.calls.call import Call
    from pegboard.places import Place
    from pegboard.running.group_state import GroupState


_PATIENCE = (
    0.002  # seconds that a free worker is given to begin what the waiting thread would begin otherwise
)


class Submitted:
    """What a group handed to executors and is not over yet.

    A pool's own futures cannot be taken back from it by a waiter and still be answered, so every call has a future of
    its own, and who begins it first, a worker or a waiter, runs it.
    """

    __slots__ = ("_begun", "_finish", "_guard", "_note_failure", "_stop", "_unstarted", "closed")

    def __init__(
        self, note_failure: Callable[[], None], stop: Stop, finish: Callable[[Call], Any] = finish_in_thread
    ) -> None:
        self.closed = False
        self._stop = stop
        self._finish = finish
        self._note_failure = note_failure
        self._guard = new_lock()
        self._unstarted: dict[Future[Any], tuple[Context, Call]] = {}
        self._begun: set[Future[Any]] = set()

    def add(self, place: Place, context: Context, call: Call) -> Future[Any] | None:
        """Hand a call over; None when the group has ended meanwhile."""
        from pegboard.parts.thread_pool import Result

        future = Result()
        with self._guard:
            if self.closed:
                return None
            self._unstarted[future] = (context, call)
        try:
            place.submit(self._work, future)
        except BaseException:
            self._unstarted.pop(future, None)
            raise
        return future

    def wait(self, futures: Collection[Future[Any]]) -> None:
        """Wait until all of these are over, running those that nobody has begun."""
        from concurrent.futures import wait

        for future in futures:
            self.help(future)
        wait(futures)

    def wait_any(self, futures: Collection[Future[Any]]) -> set[Future[Any]]:
        """Wait until one of these is over, running one that nobody begins within a moment; return those that are."""
        from concurrent.futures import FIRST_COMPLETED, wait

        done = wait(futures, _PATIENCE, FIRST_COMPLETED).done
        if not done and any(self.help(future) for future in futures):
            done = {future for future in futures if future.done()}
        return done or wait(futures, None, FIRST_COMPLETED).done

    def cancel(self) -> None:
        """Cancel what nobody has begun, and what waits."""
        self._stop.ask()
        with self._guard:
            unstarted = list(self._unstarted)
            self._unstarted.clear()
        for future in unstarted:
            future.cancel()

    def end(self, *, cancelling: bool) -> BaseException | None:
        """Wait until nothing is left, and take no more.

        A KeyboardInterrupt in the waiting thread cancels that, and is returned once the rest is over.
        """
        interruption: BaseException | None = None
        while not self._close():
            try:
                if cancelling:
                    self.cancel()
                self.wait_for_all()
            except BaseException as error:  # noqa: BLE001 - nothing may go on in the background
                interruption, cancelling = error, True
        return interruption

    @property
    def is_idle(self) -> bool:
        """Whether all that was handed over so far is over."""
        return not self._unstarted and not self._begun

    def wait_for_all(self) -> None:
        """Wait until all that was handed over so far is over."""
        with self._guard:
            left = [*self._unstarted, *self._begun]
        self.wait(left)

    def _close(self) -> bool:
        """Take no more, if nothing is left."""
        with self._guard:
            self.closed = self.is_idle
        return self.closed

    def help(self, future: Future[Any]) -> bool:
        """Run here what nobody has begun, if it can run here; tell whether it did."""
        claimed = self._unstarted.get(future)
        if claimed is None or (claimed[1].is_async and loop_runs_here()):
            return False
        self._work(future)
        return True

    def _work(self, future: Future[Any]) -> None:
        """Run a call, unless somebody else has begun it or nobody wants it any more."""
        with self._guard:
            claimed = self._unstarted.pop(future, None)
            if claimed is None:
                return
            self._begun.add(future)
        try:
            if future.set_running_or_notify_cancel():
                self._fill(future, *claimed)
        finally:
            with self._guard:
                self._begun.discard(future)

    def _fill(self, future: Future[Any], context: Context, call: Call) -> None:
        try:
            value = context.run(self._finish_wanted, call)
        except BaseException as error:  # noqa: BLE001 - the future carries it
            self._note_failure()
            future.set_exception(error)
        else:
            future.set_result(value)

    def _finish_wanted(self, call: Call) -> Any:
        refuse_stopped()  # while it waited for a worker
        return self._finish(call)


def drain(state: GroupState, place: Place, size: int | None, concurrency: int | None) -> list[Any]:
    """Run a group to its end from sync code, and return the results.

    The caller works too, so a group inside a group ends even when every thread of the pool waits in one.
    """
    outer = stop_in_force.get()
    if outer is None:
        return _drain_all(state, place, size, concurrency)
    with outer.waking(lambda: state.failed(len(state.results), outer.cancellation())):
        return _drain_all(state, place, size, concurrency)


def _drain_all(state: GroupState, place: Place, size: int | None, concurrency: int | None) -> list[Any]:
    workers = min(place.workers, concurrency or place.workers, size if size is not None else place.workers)
    helpers: list[Future[Any]] = []
    try:
        try:
            state.begin()
            state.home.run(stop_in_force.set, state.stop)
            if place.name != INLINE:
                helpers.extend(place.submit(_drain, state) for _ in range(workers - 1))
            _drain(state)
        except BaseException as error:  # noqa: BLE001 - KeyboardInterrupt between two items
            state.failed(len(state.results), error)
        _join(state, helpers)
        return state.finish()
    except BaseException as error:  # what the group raises; or a KeyboardInterrupt in its end
        state.stopped = True
        _join(state, helpers)
        state.end(error)
        raise


def _drain(state: GroupState) -> None:
    while (pulled := state.pull()) is not None:
        index, args = pulled
        try:
            state.results[index] = state.context().run(state.finish_item, index, args)
        except BaseException as error:  # noqa: BLE001 - kept, or raised by the group
            if not (state.stop.is_asked and is_cancellation(error)):  # the group stopped it
                state.failed(index, error)


def _join(state: GroupState, helpers: Sequence[Future[Any]]) -> None:
    """Wait until no helper runs; a second KeyboardInterrupt is kept for the group to raise."""
    waiting = [helper for helper in helpers if not helper.cancel()]
    while waiting:
        try:
            waiting.pop().exception()
        except BaseException as error:  # noqa: BLE001
            state.failed(len(state.results), error)
