"""Effects in the journal's own database, committed in one transaction with the outcome of the step that has them."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, event

from pegboard.parts import after_fork
from pegboard.parts.contexts import context_manager
from pegboard_durable._errors import NotInRun, TransactionMisused
from pegboard_durable._position import position_for
from pegboard_durable.journal.faults import is_storage_fault
from pegboard_durable.journal.opening import begin_to_write, wait_by_itself

if TYPE_CHECKING:
    from pegboard_durable._execution import Execution
    from pegboard_durable._records import Step

_READS = ("SELECT", "VALUES", "EXPLAIN", "PRAGMA")
_left_behind: list[Connection] = []
_ENDS = ("COMMIT", "END", "ROLLBACK", "BEGIN")


class StepTransaction:
    """A connection whose transaction ends with a step.

    In SQLite it takes the lock for writing with its first statement that may write: until then others go on.

    Attributes:
        connection: To execute statements on.
    """

    def __init__(self, execution: Execution) -> None:
        self._execution = execution
        self._is_ending = False
        self._is_locked = False
        self.connection = execution.journal.connect()
        event.listen(self.connection, "before_cursor_execute", self._before)
        event.listen(self.connection, "commit", self._before_commit)
        after_fork(self._begin_anew)

    def _begin_anew(self) -> None:
        """In a forked child: leave the connection alone, as to undo something there would undo it for the parent."""
        _left_behind.append(self.connection)

    @property
    def has_written(self) -> bool:
        """Whether there is anything to commit."""
        return self._is_locked

    def commit(self, steps: Sequence[Step]) -> None:
        """Commit what was done, and steps, together."""
        if self.connection.closed or not self._is_going_on():
            raise TransactionMisused(
                f"step {steps[-1].key!r} closed the connection of its transaction(), or ended it: it has no outcome.\n"
                f"The step's end commits both together."
            )
        self._is_ending = True
        try:
            self._execution.write_on(self.connection, steps)
        finally:
            self.close()

    def close(self) -> None:
        """Undo what is not committed, and close the connection."""
        self._is_ending = True
        if self.connection not in _left_behind:
            self.connection.close()

    def roll_back(self, error: BaseException) -> None:
        """Undo what was done; a fault of the database ends the run in this process."""
        if is_storage_fault(error):
            self._execution.fault = self._execution.journal.unavailable(error)
        self._is_locked = False
        self._is_ending = True
        if not self.connection.closed and self.connection not in _left_behind:
            self.connection.rollback()
        self._is_ending = False

    def _is_going_on(self) -> bool:
        """Whether what was written is not committed yet, as far as the driver tells."""
        return bool(getattr(self._raw(), "in_transaction", True))

    def _raw(self) -> Any:
        return self.connection.connection.dbapi_connection

    def _before(self, _: Connection, __: Any, statement: str, *___: Any) -> None:
        word, *rest = [*statement.upper().split(None, 2), ""]
        word = word.rstrip(";")
        if word in _ENDS and not (word == "ROLLBACK" and rest[0] == "TO"):
            raise _early(word)
        if self._is_locked or word in _READS:
            return
        if self.connection.dialect.name == "sqlite":
            wait_by_itself(self.connection)
            begin_to_write(
                self._raw()
            )  # not with the first read: its snapshot may be too old to be written to
        self._is_locked = True

    def _before_commit(self, _: Connection) -> None:
        if not self._is_ending:
            raise _early("COMMIT")


def _early(word: str) -> TransactionMisused:
    return TransactionMisused(
        f"{word} on the connection of a transaction(): it is committed together with the outcome of the step, and by its end.\n"
        f"Leave the block; an error that leaves it undoes what was done."
    )


@context_manager
def transaction() -> Generator[Connection]:
    """Give the body of a step a connection on which the step's outcome will be committed: what is done there happens exactly once.

    Leaving the block does not commit; the end of the step does, its outcome and what was done together. An error that leaves the
    block undoes it. A resumed run that has the outcome skips the step, and so its body.

    Yields:
        A connection of SQLAlchemy to the journal's database.

    Raises:
        NotInRun: It is called elsewhere than in the body of a step.
        TransactionMisused: Something else commits, or another step is called before the step's end.
    """
    position = position_for("transaction")
    if not position.scope:
        raise NotInRun(
            "transaction() is for the body of a step, with whose outcome it is committed, and is called in the run itself.\n"
            "Put what it is for into a task with Durable(), or a step().",
            what="transaction",
        )
    made = position.transaction
    if made is None:
        made = position.transaction = StepTransaction(position.execution)
    try:
        yield made.connection
    except BaseException as error:
        made.roll_back(error)
        raise
