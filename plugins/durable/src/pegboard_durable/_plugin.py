"""The plugin: a journal, and the runs in it."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from pegboard import BindError, hookimpl
from pegboard.parts import checks
from pegboard_durable import hookspecs
from pegboard_durable._codec import encode
from pegboard_durable._errors import RunNotResumable, UnknownTask
from pegboard_durable._execution import Settings
from pegboard_durable._layer import DurableCalls
from pegboard_durable._option import Durable
from pegboard_durable._plain import PlainCalls
from pegboard_durable._position import POSITION
from pegboard_durable._records import OVER, Run, Status
from pegboard_durable._runs import REQUEST, Request, Runs, checked_id, failed_with, run_of
from pegboard_durable.journal.journal import Journal

if TYPE_CHECKING:
    from collections.abc import Callable

    from pegboard import Session, Task, TaskResult
    from pegboard_durable._records import RunRow

P = ParamSpec("P")
R = TypeVar("R")
_SECONDS = checks.seconds(above=0)
_WHOLE = checks.whole(least=0)
_FLAG = checks.flag()
_MOST = 16 * 1024 * 1024


class Durability:
    """Keeps a journal of durable runs, so that they go on where they were after their process was killed.

    Args:
        url: Where the journal is: `sqlite:///journal.db`, or a database of PostgreSQL.
        lease: Seconds after which a run whose process shows no life may be taken over by another one.
        recover: Whether a session that starts takes up the runs whose processes died.
        max_recoveries: How often; then the run is STUCK.
        suspend_after: A `sleep` of more seconds than these suspends its run.
        services: What `call` finds, by name: an object, or a mapping, of functions that take one argument.
        strict: Whether what is recorded, and a resumed run does not do any more, is an error; else it is an event.
        strict_version: Whether a run whose code was edited since is set aside instead of going on.
        create: Whether tables that are missing are made.

    Raises:
        ConfigError: The address cannot be read.
    """

    name = "durable"
    hookspecs = hookspecs

    def __init__(
        self,
        url: str = "sqlite:///pegboard.db",
        *,
        lease: float = 30.0,
        recover: bool = False,
        max_recoveries: int = 5,
        suspend_after: float = 60.0,
        services: Mapping[str, Any] | None = None,
        strict: bool = False,
        strict_version: bool = False,
        create: bool = True,
    ) -> None:
        self._journal = Journal(url, create=create)
        _SECONDS.check("lease", lease, owner="Durability")
        _SECONDS.check("suspend_after", suspend_after, owner="Durability")
        _WHOLE.check("max_recoveries", max_recoveries, owner="Durability")
        self._recover = recover
        _FLAG.check("strict", strict, owner="Durability")
        _FLAG.check("strict_version", strict_version, owner="Durability")
        settings = Settings(suspend_after, strict, strict_version, _services(services))
        self._runs = Runs(self._journal, lease, max_recoveries, settings)
        self._sessions = 0

    @hookimpl
    def session_start(self, session: Session) -> None:  # noqa: ARG002 - pluggy's names
        """Open the journal: without it nothing is to run."""
        self._journal.open()
        self._sessions += 1

    @hookimpl
    def bind(self, session: Session, task: Task[..., Any]) -> object:  # noqa: ARG002
        """Put the journal around a durable task."""
        option = task.option(Durable)
        if option is None:
            plain = PlainCalls(task, self._runs, Durability)
            return [*plain.layers(), plain]
        option.check(task)
        if task.sensitive:
            raise _refusal(task)
        calls = DurableCalls(task, option, self._runs, Durability)
        return [*calls.layers(), calls]

    @hookimpl
    def before_group(self, group: Any) -> None:
        """Name a group of a run, for the keys of what is called in it."""
        position = POSITION.get()
        if position is not None:
            position.begin_group(group)

    @hookimpl
    def session_end(self, session: Session) -> None:  # noqa: ARG002
        """Close the journal with the last session."""
        self._sessions -= 1
        if not self._sessions:
            self._runs.end()
            self._journal.close()

    def run(
        self, task: Callable[P, R], /, *args: P.args, run_id: str | None = None, **kwargs: P.kwargs
    ) -> Run[R]:
        """Run a task as a durable run, or return what an earlier run of that id came to.

        Args:
            task: With `Durable()`.
            args: Its arguments.
            run_id: Of the run; None makes one.
            kwargs: Its arguments by name.

        Returns:
            The run: done, failed, suspended, or, where another process works on it, running.

        Raises:
            JournalDiverged: There is a run of that id with another task or other arguments.
            JournalUnavailable: The journal cannot be used.
        """
        request = Request(uuid.uuid4().hex if run_id is None else checked_id(run_id))
        return self._go(task, args, kwargs, request)

    def resume(self, run_id: str) -> Run[Any]:
        """Go on with a run that is not over; one that is returns as it was.

        Raises:
            UnknownRun: There is none.
            UnknownTask: Its task is not loaded here.
        """
        row = self._runs.row(run_id)
        if row.status in OVER:
            return run_of(row)
        if row.status not in (Status.PENDING, Status.RUNNING, Status.SUSPENDED):
            raise RunNotResumable(
                f"run {run_id!r} is {row.status}, and wants a look first: Durability.retry() begins it again.",
                run_id=run_id,
                status=str(row.status),
            )
        task, args, kwargs = self._runs.task_of(row)
        return self._go(task, args, kwargs, Request(run_id))

    def retry(self, run_id: str) -> Run[Any]:
        """Go on with a run that failed or is stuck: what failed runs again, what was recorded as done is kept."""
        row = self._runs.row(run_id)
        if row.status not in (Status.FAILED, Status.STUCK, Status.ATTENTION, Status.UNDO_FAILED):
            raise RunNotResumable(
                f"run {run_id!r} is {row.status}: only one that failed, is stuck or wants attention is tried again.",
                run_id=run_id,
                status=str(row.status),
            )
        self._journal.reopen(row, now=row.created_at, by=str(self._runs.owner), why="retried")
        return self.resume(run_id)

    def recover(self) -> list[Run[Any]]:
        """Take up all runs whose processes died, and those that were suspended and are due, one after the other."""
        return [self._recovered(row) for row in self._due()]

    def _due(self) -> list[RunRow]:
        import time

        now = time.time()
        rows = self._journal.list()
        return [
            row
            for row in rows
            if row.status not in OVER
            and self._runs.is_free(row, now)
            and (row.status is not Status.SUSPENDED or row.not_before <= now)
        ]

    def _recovered(self, row: RunRow) -> Run[Any]:
        try:
            return self.resume(row.id)
        except UnknownTask as unknown:
            self._set_aside(row, str(unknown))
        except RunNotResumable:
            pass
        return self.get(row.id)

    def _set_aside(self, row: RunRow, why: str) -> None:
        import time

        self._journal.set_status(row, Status.ATTENTION, now=time.time(), by=str(self._runs.owner), why=why)

    def cancel(self, run_id: str) -> Run[Any]:
        """Have a run end at its next step; one that nobody works on, at once."""
        row = self._runs.row(run_id)
        if row.status not in OVER:
            import time

            self._journal.ask_cancel(row.id)
            if row.status in (Status.PENDING, Status.SUSPENDED):
                self._journal.set_status(
                    row, Status.CANCELLED, now=time.time(), by=str(self._runs.owner), why="asked to"
                )
        return self.get(run_id)

    def signal(self, run_id: str, name: str, value: Any = None, *, id: str | None = None) -> bool:  # noqa: A002
        """Send a signal to a run, which takes it at its `pause`, now or later.

        Args:
            run_id: Of the run.
            name: Of the signal.
            value: What it brings.
            id: Makes it idempotent: one of the same name and id is sent once.

        Returns:
            Whether it is a new one.

        Raises:
            UnknownRun: There is no such run.
            RunNotResumable: The run is over, and takes no signals any more.
        """
        import time

        row = self._runs.row(run_id)
        if row.status in OVER:
            raise RunNotResumable(
                f"run {run_id!r} is {row.status}, and takes no signals any more.",
                run_id=run_id,
                status=str(row.status),
            )
        data = encode(value, task=f"signal {name}", most=_MOST)
        return self._journal.put_signal(run_id, name, id or uuid.uuid4().hex, data, now=time.time())

    def get(self, run_id: str) -> Run[Any]:
        """Return a run.

        Raises:
            UnknownRun: There is none.
        """
        return run_of(self._runs.row(run_id))

    def runs(self, status: Status | str | None = None) -> list[Run[Any]]:
        """Return all runs, or those of a status, the oldest first."""
        return [run_of(row) for row in self._journal.list(None if status is None else Status(status))]

    def _go(self, task: Any, args: tuple[Any, ...], kwargs: dict[str, Any], request: Request) -> Run[Any]:
        from pegboard import Suspended
        from pegboard_durable._errors import RunCancelled

        token = REQUEST.set(request)
        result: TaskResult[Any] | None = None
        try:
            result = task.run(*args, **kwargs)
        except (Suspended, RunCancelled):
            pass
        except RunNotResumable:
            pass
        finally:
            REQUEST.reset(token)
        error = None if result is None else result.error
        if not isinstance(error, RunNotResumable):
            failed_with(error, request)
        return self.get(request.run_id)


def _services(given: Mapping[str, Any] | None) -> Mapping[str, Any]:
    services = {} if given is None else given
    if not isinstance(services, Mapping) or not all(isinstance(name, str) for name in services):
        raise TypeError(
            f"Durability: services is a mapping of names to objects, not {checks.shown(given)}: "
            "Durability(services={'billing': billing})."
        )
    return dict(services)


def _refusal(task: Task[..., Any]) -> BindError:
    return BindError(
        f"task {task.name!r} is sensitive, and Durable() would write its arguments and results to the journal as they are.\n"
        f"Take one of the two off, or have the journal encrypt what it holds: Durability(url, key=...).",
        plugin="durable",
        task=task.name,
    )
