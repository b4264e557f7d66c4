"""Sessions that hand over the calls made in them, instead of making them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NoReturn

from pegboard.errors import SessionError

if TYPE_CHECKING:
    from pegboard._call import Call
    from pegboard.session import Session
    from pegboard.task import Task

    Divert = Callable[[str, Any, tuple[Any, ...], Mapping[str, Any]], Any]


class DivertedPlan:
    """Stands where a task has its plan, so that an ordinary call need not ask whether it is diverted."""

    def __init__(self, session: Session, task: Task[..., Any]) -> None:
        self.session = session
        self.task = task
        self.version = session.version
        self.is_async = task.kind in ("coroutine", "async_generator")

    def run(self, call: Call) -> Any:
        """Hand the call over."""
        divert = self.session.diverted
        if divert is None:
            raise self._refusal()
        return divert("call", self.task, call.args, call.kwargs)

    def limited(self) -> DivertedPlan:
        """Do without limits: nothing is made that could take long."""
        return self

    def unobserved(self) -> DivertedPlan:
        """Nobody is told anyway."""
        return self

    def __getattr__(self, name: str) -> NoReturn:
        raise self._refusal()

    def _refusal(self) -> SessionError:
        return SessionError(
            f"task {self.task.name!r} cannot run here: {self.session!r} hands calls over instead of making them.\n"
            f"Call it in another session, or where none is open."
        )
