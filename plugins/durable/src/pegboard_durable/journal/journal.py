"""Reading and writing the tables. Each method is one transaction, and raises what it could not do."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, bindparam, exists, func, insert, literal, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DatabaseError, SQLAlchemyError

from pegboard.parts import after_fork, new_held_rlock
from pegboard_durable._errors import (
    Fenced,
    JournalCorrupt,
    JournalUnavailable,
    JournalVersion,
)
from pegboard_durable._records import OVER, Claim, RunRow, Status, Step
from pegboard_durable.journal.opening import open_engine, parse
from pegboard_durable.journal.rows import Damaged, crc_of, end_crc, run_crc, run_of, step_of, step_values
from pegboard_durable.journal.tables import VERSION, changes, inbox, meta, metadata, runs, steps

if TYPE_CHECKING:
    from sqlalchemy.sql import ColumnElement

_RUN_COLUMNS = [runs.c[name] for name in RunRow._fields]
_STEP_COLUMNS = [steps.c[name] for name in Step._fields]
_OPEN = (Status.PENDING, Status.RUNNING, Status.SUSPENDED)
_DAMAGE = ("malformed", "not a database", "corrupt")


class Journal:
    """A database of runs and their steps, opened at first use.

    Methods may be called from any thread; a forked child opens a connection of its own.

    Args:
        url: Its address, as SQLAlchemy writes them.
        create: Whether tables that are missing are made.
    """

    def __init__(self, url: str, *, create: bool = True) -> None:
        self._url = parse(url)
        self._create = create
        self._lock = new_held_rlock()
        self._connection: Connection | None = None
        self._left_behind: list[Connection] = []
        after_fork(self._begin_anew)

    def __repr__(self) -> str:
        return self.address

    def _begin_anew(self) -> None:
        """In a forked child: not even close a connection of the parent's."""
        if self._connection is not None:
            self._left_behind.append(self._connection)
        self._connection = None

    @property
    def address(self) -> str:
        """Its address, without a password."""
        return self._url.render_as_string()

    def open(self) -> None:
        """Open the database, make its tables, and look whether they are of this version."""
        with self._transaction():
            pass

    def close(self) -> None:
        """Close the connection; the next use opens another."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    # Runs.

    def create(self, run: RunRow, by: str) -> RunRow:
        """Write a new run, or return the one of that id."""
        with self._transaction() as execute:
            before = self._run(execute, run.id)
            if before is not None:
                return before
            execute(insert(runs).values(**run._asdict(), queue="default", priority=0, crc=run_crc(run)))
            _note(execute, run.id, run.created_at, "", run.status, by, "created")
        return run

    def get(self, run: str) -> RunRow | None:
        """Return a run, or None."""
        with self._transaction() as execute:
            return self._run(execute, run)

    def list(self, status: str | None = None) -> list[RunRow]:
        """Return all runs, the oldest first."""
        wanted = select(*_RUN_COLUMNS, runs.c.crc, runs.c.end_crc).order_by(runs.c.created_at, runs.c.id)
        if status is not None:
            wanted = wanted.where(runs.c.status == status)
        with self._transaction() as execute:
            return [self._read_run(row) for row in execute(wanted).all()]

    def claim(self, run: RunRow, owner: str, *, now: float, lease: float, recovered: bool) -> Claim | None:
        """Take a run over, if it is still as it was read; None if somebody else was first."""
        epoch = run.epoch + 1
        found = (
            update(runs)
            .where(runs.c.id == run.id, runs.c.epoch == run.epoch, runs.c.status == run.status)
            .values(
                owner=owner,
                epoch=epoch,
                lease_until=now + lease,
                status=Status.RUNNING,
                recoveries=run.recoveries + recovered,
            )
        )
        with self._transaction() as execute:
            if not execute(found).rowcount:
                return None
            _note(
                execute,
                run.id,
                now,
                run.status,
                Status.RUNNING,
                owner,
                "recovered" if recovered else "claimed",
            )
        return Claim(run.id, owner, epoch)

    def renew(self, claim: Claim, until: float) -> bool:
        """Keep a run; whether it is still this process's."""
        with self._transaction() as execute:
            return bool(execute(update(runs).where(*_held(claim)).values(lease_until=until)).rowcount)

    def finish(self, claim: Claim, status: Status, result: bytes | None, *, now: float, why: str) -> None:
        """Write how a run ended.

        Raises:
            Fenced: It is another process's by now.
        """
        values = {
            "status": status,
            "result": result,
            "ended_at": now,
            "owner": "",
            "end_crc": end_crc(claim.run, status, result),
        }
        self._leave(claim, values, now=now, why=why)

    def leave(self, claim: Claim, status: Status, *, now: float, not_before: float, why: str) -> None:
        """Give a run back that is not over.

        Raises:
            Fenced: It is another process's by now.
        """
        self._leave(claim, {"status": status, "owner": "", "not_before": not_before}, now=now, why=why)

    def _leave(self, claim: Claim, values: dict[str, Any], *, now: float, why: str) -> None:
        with self._transaction() as execute:
            if not execute(update(runs).where(*_held(claim)).values(**values, lease_until=0.0)).rowcount:
                raise _fenced(claim)
            _note(execute, claim.run, now, Status.RUNNING, values["status"], claim.owner, why)

    def set_status(self, run: RunRow, status: Status, *, now: float, by: str, why: str) -> bool:
        """Change the status of a run that nobody works on; whether it was still as it was read."""
        ending = {"ended_at": now, "end_crc": end_crc(run.id, status, None)} if status in OVER else {}
        changed = (
            update(runs)
            .where(runs.c.id == run.id, runs.c.epoch == run.epoch, runs.c.status == run.status)
            .values(status=status, owner="", lease_until=0.0, epoch=run.epoch + 1, **ending)
        )
        with self._transaction() as execute:
            if not execute(changed).rowcount:
                return False
            _note(execute, run.id, now, run.status, status, by, why)
        return True

    def reopen(self, run: RunRow, *, now: float, by: str, why: str) -> bool:
        """Have a run that is over go on; whether it was still as it was read."""
        changed = (
            update(runs)
            .where(runs.c.id == run.id, runs.c.epoch == run.epoch, runs.c.status == run.status)
            .values(
                status=Status.PENDING,
                epoch=run.epoch + 1,
                result=None,
                ended_at=None,
                end_crc=None,
                recoveries=0,
                cancel_asked=False,
            )
        )
        failed = steps.delete().where(steps.c.run == run.id, steps.c.status.in_(("error", "retrying")))
        with self._transaction() as execute:
            if not execute(changed).rowcount:
                return False
            execute(failed)
            _note(execute, run.id, now, run.status, Status.PENDING, by, why)
        return True

    def ask_cancel(self, run: str) -> bool:
        """Note that a run is to be cancelled; whether there is one that is not over."""
        asked = update(runs).where(runs.c.id == run, runs.c.status.in_(_OPEN)).values(cancel_asked=True)
        with self._transaction() as execute:
            return bool(execute(asked).rowcount)

    def changes(self, run: str) -> list[tuple[float, str, str, str, str]]:
        """Return the changes of a run's status: when, from, to, by whom, why."""
        columns = (changes.c.at, changes.c.before, changes.c.after, changes.c.by, changes.c.why)
        wanted = select(*columns).where(changes.c.run == run).order_by(changes.c.number)
        with self._transaction() as execute:
            return [tuple(row) for row in execute(wanted).all()]

    # Steps.

    def steps(self, run: str) -> dict[str, Step]:
        """Return what is recorded of a run, by key."""
        wanted = select(*_STEP_COLUMNS, steps.c.crc).where(steps.c.run == run)
        with self._transaction() as execute:
            rows = execute(wanted).all()
        found = {}
        for row in rows:
            try:
                step = step_of(run, row)
            except (Damaged, TypeError, ValueError):
                raise self._corrupt("steps", f"{run}/{row[0]}") from None
            found[step.key] = step
        return found

    def append(self, claim: Claim, made: Sequence[Step]) -> bool:
        """Write steps, all or none; whether the run is to be cancelled.

        Raises:
            Fenced: The run is another process's by now.
        """
        with self._transaction() as execute:
            for step in made:
                values = {**step_values(claim.run, step, claim.epoch), "by": claim.owner}
                if not execute(self._append, values).rowcount:
                    raise _fenced(claim)
            return bool(execute(_CANCEL_ASKED, {"id": claim.run}).scalar())

    # Signals.

    def put_signal(self, run: str, name: str, id: str, value: bytes, *, now: float) -> bool:  # noqa: A002 - the field's word
        """Write a signal; whether it is a new one."""
        known = select(func.count()).where(inbox.c.run == run, inbox.c.name == name, inbox.c.id == id)
        with self._transaction() as execute:
            if execute(known).scalar():
                return False
            execute(
                insert(inbox).values(
                    run=run,
                    name=name,
                    id=id,
                    number=now,
                    value=value,
                    consumed_by="",
                    crc=crc_of(run, name, id, value),
                )
            )
        return True

    def take_signal(self, claim: Claim, name: str, step: Step, wrap: Any) -> bytes | None:
        """Take the oldest signal of a name, and write it as the outcome of a step, together; None without one."""
        waiting = (
            select(inbox.c.id, inbox.c.value, inbox.c.crc)
            .where(inbox.c.run == claim.run, inbox.c.name == name, inbox.c.consumed_by == "")
            .order_by(inbox.c.number, inbox.c.id)
            .limit(1)
        )
        with self._transaction() as execute:
            row = execute(waiting).first()
            if row is None:
                return None
            value = bytes(row.value)
            if row.crc != crc_of(claim.run, name, row.id, value):
                raise self._corrupt("inbox", f"{claim.run}/{name}/{row.id}")
            taken = (inbox.c.run == claim.run, inbox.c.name == name, inbox.c.id == row.id)
            execute(update(inbox).where(*taken).values(consumed_by=step.key))
            made = step._replace(value=wrap(value))
            values = {**step_values(claim.run, made, claim.epoch), "by": claim.owner}
            if not execute(self._append, values).rowcount:
                raise _fenced(claim)
        return value

    # The rest is private.

    @contextmanager
    def _transaction(self) -> Iterator[Any]:
        with self._lock:
            try:
                connection = self._connection
                if connection is None:
                    connection = self._connect()
                with connection.begin():
                    yield connection.execute
            except (SQLAlchemyError, OSError) as error:
                if isinstance(error, JournalUnavailable):
                    raise
                raise self._unavailable(error) from error

    def _connect(self) -> Connection:
        engine = open_engine(self._url)
        kind = postgresql if engine.dialect.name == "postgresql" else sqlite
        self._append = _append_with(kind)
        connection = engine.connect()
        try:
            with connection.begin():
                self._prepare(connection)
        except BaseException:
            connection.close()
            raise
        self._connection = connection
        return connection

    def _prepare(self, connection: Connection) -> None:
        if self._create:
            metadata.create_all(connection)
        version = connection.execute(select(meta.c.version)).scalar()
        if version is None and self._create:
            connection.execute(insert(meta).values(version=VERSION))
        elif version != VERSION:
            raise JournalVersion(
                f"the journal {self.address} has tables of version {version}, and this program needs {VERSION}.\n"
                f"Run `pegboard durable migrate {self.address}`, or the version of pegboard-durable that made them.",
                journal=self.address,
                found=version or 0,
                needed=VERSION,
            )

    def _run(self, execute: Any, run: str) -> RunRow | None:
        row = execute(_GET_RUN, {"id": run}).first()
        return None if row is None else self._read_run(row)

    def _read_run(self, row: Any) -> RunRow:
        try:
            return run_of(row)
        except (Damaged, TypeError, ValueError):
            raise self._corrupt("runs", str(row[0])) from None

    def _unavailable(self, error: Exception) -> Exception:
        reason = str(getattr(error, "orig", None) or error)
        if isinstance(error, DatabaseError) and any(word in reason for word in _DAMAGE):
            return self._corrupt("", "")
        return JournalUnavailable(
            f"the journal {self.address} cannot be used: {reason}.\n"
            f"Nothing is recorded as failed, and no step runs without it. Mend that, and resume the run.",
            journal=self.address,
        )

    def _corrupt(self, table: str, key: str) -> JournalCorrupt:
        where = f"row {key!r} of its {table}" if table else "the file"
        return JournalCorrupt(
            f"the journal {self.address} is damaged: {where} is not as it was written.\n"
            f"Restore it from a copy; the other runs in it can be read as long as theirs are whole.",
            journal=self.address,
            table=table,
            key=key,
        )


_GET_RUN = select(*_RUN_COLUMNS, runs.c.crc, runs.c.end_crc).where(runs.c.id == bindparam("id"))
_CANCEL_ASKED = select(runs.c.cancel_asked).where(runs.c.id == bindparam("id"))


def _held(claim: Claim) -> tuple[ColumnElement[bool], ...]:
    return runs.c.id == claim.run, runs.c.owner == claim.owner, runs.c.epoch == claim.epoch


def _append_with(kind: Any) -> Any:
    """Insert a step, or write over what was there, as long as the run is this process's: one statement."""
    columns = list(steps.c)
    held = exists(
        select(literal(1)).where(
            runs.c.id == bindparam("run"), runs.c.owner == bindparam("by"), runs.c.epoch == bindparam("epoch")
        )
    )
    values = select(*(bindparam(column.name, type_=column.type) for column in columns)).where(held)
    new = kind.insert(steps).from_select([column.name for column in columns], values)
    changed = {column.name: new.excluded[column.name] for column in columns if not column.primary_key}
    return new.on_conflict_do_update(index_elements=["run", "key"], set_=changed)


def _note(execute: Any, run: str, at: float, before: str, after: str, by: str, why: str) -> None:
    execute(insert(changes).values(run=run, at=at, before=before, after=after, by=by, why=why))


def _fenced(claim: Claim) -> Fenced:
    return Fenced(f"run {claim.run!r} was taken over by another process, and goes on there")
