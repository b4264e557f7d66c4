"""Reading and writing the tables. Each method is one transaction, and raises what it could not do."""

from __future__ import annotations

import itertools
import sqlite3
from collections.abc import Callable, Generator, Iterable, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, Dialect, delete, func, insert, inspect, select, update
from sqlalchemy.exc import SQLAlchemyError

from pegboard import ConfigError
from pegboard.parts import after_fork, new_rlock
from pegboard.parts.contexts import context_manager
from pegboard_durable._errors import (
    DurableError,
    Fenced,
    JournalCorrupt,
    JournalUnavailable,
    JournalVersion,
    UnknownStep,
)
from pegboard_durable._records import NEVER, OVER, Claim, RunRow, Status, Step
from pegboard_durable.journal import statements
from pegboard_durable.journal.connections import Connections
from pegboard_durable.journal.faults import is_damage
from pegboard_durable.journal.opening import is_sqlite, parse
from pegboard_durable.journal.reopening import begun_since, forgotten
from pegboard_durable.journal.rows import Damaged, crc_of, run_of, run_values, step_of, step_values
from pegboard_durable.journal.sealing import Seal
from pegboard_durable.journal.tables import VERSION, changes, inbox, meta, metadata, runs, steps

_AT_ONCE = 200  # runs that one transaction deletes


class Append(NamedTuple):
    """What is to be written for a run, all of it or nothing.

    Attributes:
        claim: The right to it.
        steps: Rows.
        until: A new end of the lease, seconds since the Unix epoch; None leaves it.
    """

    claim: Claim
    steps: Sequence[Step]
    until: float | None = None


_MANY = 500  # keys in one statement


class Journal:
    """A database of runs and their steps, opened at first use.

    Methods may be called from any thread; a forked child opens connections of its own. Reading waits for nobody who writes.

    Args:
        url: Its address, as SQLAlchemy writes them.
        create: Whether a file and tables that are missing are made.
        schema: Of the tables, in PostgreSQL; None for that of the database's user.
        seal: What encrypts it; None for nothing.

    Raises:
        ConfigError: The address cannot be read, or is of a database that keeps no journals.
    """

    def __init__(
        self, url: str, *, create: bool = True, schema: str | None = None, seal: Seal | None = None
    ) -> None:
        self._seal = Seal(None) if seal is None else seal
        self._url = parse(url)
        if schema is not None and is_sqlite(self._url):
            raise ConfigError(
                "a journal in a file has no schemas: take schema= away.",
                where="Durability",
                key="schema",
            )
        self._create = create
        self._schema = schema
        self._connections = Connections(self._url, schema, create=create)
        self._append = statements.append_with("sqlite" if is_sqlite(self._url) else "postgresql")
        self._guard = new_rlock()
        self._is_ready = False
        self._numbers = itertools.count()
        self._version_seen = -1
        after_fork(self._begin_anew)

    def __repr__(self) -> str:
        return self.address

    def _begin_anew(self) -> None:
        self._is_ready = False

    @property
    def address(self) -> str:
        """Its address, without a password."""
        return self._url.render_as_string()

    @property
    def schema(self) -> str | None:
        """Of its tables; None for that of the database's user."""
        return self._schema

    @property
    def dialect(self) -> Dialect:
        """How its database writes SQL."""
        made: Dialect = self._url.get_dialect()()
        return made

    def tables_version(self) -> int | None:
        """Return the version of its tables; None where there are none."""
        with self._translated():
            return self._version()

    def open(self) -> None:
        """Open the database, make its tables where there are none, and look whether they are of this version.

        Raises:
            JournalUnavailable: It cannot be opened.
            JournalVersion: Its tables are of another version, or missing and not to be made.
        """
        with self._guard:
            if self._is_ready:
                return
            with self._translated():
                self._prepare()
            self._is_ready = True

    def migrate(self) -> int:
        """Make tables that are missing, and bring those of an earlier version to this one; return the version."""
        with self._guard, self._translated():
            found = self._version()
            if found is None:
                found = self._make_tables()
            if found != VERSION:  # there is no earlier version yet
                raise self._other_version(found)
            self._is_ready = True
        return VERSION

    def close(self) -> None:
        """Close the connections; the next use opens others."""
        with self._guard:
            self._is_ready = False
            self._connections.close()

    # Runs.

    def create(self, run: RunRow, by: str) -> RunRow:
        """Write a new run, or return the one of that id."""
        with self._writing() as connection:
            before = self._run(connection, statements.GET_RUN_TO_CHANGE, run.id)
            if before is not None:
                return before
            connection.execute(insert(runs), run_values(self._seal.run(run)))
            _note(connection, run.id, run.created_at, "", run.status, by, "created")
        return run

    def get(self, run: str) -> RunRow | None:
        """Return a run, or None."""
        with self._reading() as connection:
            return self._run(connection, statements.GET_RUN, run)

    def find(self, statuses: Iterable[Status] | None = None) -> list[str]:
        """Return the ids of runs, of all or of those statuses, the oldest first."""
        wanted = select(runs.c.id).order_by(runs.c.created_at, runs.c.id)
        if statuses is not None:
            wanted = wanted.where(runs.c.status.in_([str(each) for each in statuses]))
        with self._reading() as connection:
            return list(connection.execute(wanted).scalars())

    def rows(self, status: Status | None = None) -> list[RunRow]:
        """Return all runs, or those of a status, the oldest first."""
        wanted = select(*statements.RUN_COLUMNS).order_by(runs.c.created_at, runs.c.id)
        if status is not None:
            wanted = wanted.where(runs.c.status == str(status))
        with self._reading() as connection:
            return [self._read_run(row) for row in connection.execute(wanted).all()]

    def count(self) -> dict[str, int]:
        """Return how many runs there are, by status."""
        wanted = select(runs.c.status, func.count()).group_by(runs.c.status)
        with self._reading() as connection:
            return dict(connection.execute(wanted).all())

    def claim(self, run: RunRow, owner: str, *, now: float, lease: float, recovered: bool) -> Claim | None:
        """Take a run over, if it is still as it was read; None if somebody else was first."""
        with self._writing() as connection:
            found = self._as_read(connection, run)
            if found is None:
                return None
            changed = found._replace(
                owner=owner,
                epoch=run.epoch + 1,
                lease=lease,
                lease_until=now + lease,
                status=Status.RUNNING,
                started_at=found.started_at if found.started_at is not None else now,
                recoveries=run.recoveries + recovered,
            )
            self._put(connection, changed)
            why = "recovered" if recovered else "claimed"
            _note(connection, run.id, now, run.status, Status.RUNNING, owner, why)
        return Claim(run.id, owner, changed.epoch)

    def renew(self, claims: Sequence[Claim], until: float) -> list[Claim]:
        """Keep runs; those that are not this process's any more are returned."""
        if not claims:
            return []
        with self._writing() as connection:
            return [claim for claim in claims if not _renew(connection, claim, until)]

    def finish(self, claim: Claim, status: Status, result: bytes | None, *, now: float, why: str) -> None:
        """Write how a run ended.

        Raises:
            Fenced: It is another process's by now.
        """
        self._give_back(claim, now=now, why=why, status=status, result=result, ended_at=now)

    def leave(
        self,
        claim: Claim,
        status: Status,
        *,
        now: float,
        not_before: float,
        why: str,
        looked_at: float = NEVER,
    ) -> None:
        """Give a run back that is not over.

        Args:
            claim: The right to it.
            status: PENDING or SUSPENDED.
            now: The time, seconds since the Unix epoch.
            not_before: When it is due.
            why: For the log of its changes.
            looked_at: When it looked for signals: if others came since, it is due now.

        Raises:
            Fenced: It is another process's by now.
        """
        self._give_back(claim, now=now, why=why, looked_at=looked_at, status=status, not_before=not_before)

    def _give_back(
        self, claim: Claim, *, now: float, why: str, status: Status, looked_at: float = NEVER, **values: Any
    ) -> None:
        with self._writing() as connection:
            found = self._run(connection, statements.GET_RUN_TO_CHANGE, claim.run)
            is_held = found is not None and (found.owner, found.epoch) == (claim.owner, claim.epoch)
            if looked_at < NEVER:
                sent = {"of": claim.run, "since": looked_at}
                if connection.execute(statements.COUNT_SIGNALS, sent).scalar():
                    values["not_before"] = now
            if found is not None and is_held:
                self._put(connection, found._replace(status=status, owner="", lease_until=0.0, **values))
                _note(connection, claim.run, now, found.status, status, claim.owner, why)
        if not is_held:
            raise fenced(claim)

    def set_status(
        self, run: RunRow, status: Status, *, now: float, by: str, why: str, result: bytes | None = None
    ) -> bool:
        """Change the status of a run that nobody works on; whether it was still as it was read."""
        with self._writing() as connection:
            found = self._as_read(connection, run)
            if found is None:
                return False
            ended = now if status in OVER else found.ended_at
            changed = found._replace(
                status=status, owner="", lease_until=0.0, epoch=run.epoch + 1, ended_at=ended
            )
            self._put(connection, changed._replace(result=result))
            _note(connection, run.id, now, run.status, status, by, why)
        return True

    def reopen(self, run: RunRow, *, now: float, by: str, why: str, from_step: str | None = None) -> bool:
        """Have a run go on that failed or was set aside; whether it was still as it was read.

        Raises:
            UnknownStep: It has no step of the key to go on from.
        """
        with self._writing() as connection:
            found = self._as_read(connection, run)
            if found is None:
                return False
            changed = found._replace(status=Status.PENDING, epoch=run.epoch + 1, result=None, ended_at=None)
            changed = changed._replace(not_before=0.0, recoveries=0, cancel_asked=False)
            self._put(connection, changed._replace(owner="", lease_until=0.0))
            _forget_steps(connection, run, from_step)
            _note(connection, run.id, now, run.status, Status.PENDING, by, why)
        return True

    def ask_cancel(self, run: str) -> RunRow | None:
        """Note that a run is to be cancelled, unless it is over; return it as it then is."""
        with self._writing() as connection:
            found = self._run(connection, statements.GET_RUN_TO_CHANGE, run)
            if found is None or found.status in OVER:
                return found
            asked = found._replace(cancel_asked=True)
            self._put(connection, asked)
        return asked

    def to_cancel(self, those: Sequence[str]) -> set[str]:
        """Return which of some runs were asked to end."""
        wanted = select(runs.c.id).where(runs.c.id.in_(those), runs.c.cancel_asked)
        with self._reading() as connection:
            return set(connection.execute(wanted).scalars())

    def version(self, *, may_wait: bool) -> int:
        """Return a number that is another one when others have written since.

        Args:
            may_wait: Whether to wait for what is written here at this moment; else it may be told as of the last time.
        """
        if not is_sqlite(self._url):
            return next(self._numbers)
        writing = self._connections.writing
        if writing.lock.acquire(blocking=may_wait):
            try:
                connection = writing.opened()
                if connection is not None:
                    self._version_seen = _data_version(connection)
            except sqlite3.Error:  # what is wrong is told by what is written next
                pass
            finally:
                writing.lock.release()
        return self._version_seen

    def changes(self, run: str) -> list[tuple[float, str, str, str, str]]:
        """Return the changes of a run's status: when, from, to, by whom, why."""
        columns = (changes.c.at, changes.c.before, changes.c.after, changes.c.by, changes.c.why)
        wanted = select(*columns).where(changes.c.run == run).order_by(changes.c.number)
        with self._reading() as connection:
            return [(at, one, other, by, why) for at, one, other, by, why in connection.execute(wanted).all()]

    def forget(self, ended_before: float) -> int:
        """Delete runs that are over, and ended before a time, with all that is kept of them; return how many."""
        wanted = (
            select(runs.c.id)
            .where(runs.c.ended_at < ended_before, runs.c.status.in_([str(each) for each in OVER]))
            .limit(_AT_ONCE)
        )
        deleted = 0
        while True:
            with self._writing() as connection:
                ids = list(connection.execute(wanted).scalars())
                for table, column in ((steps, steps.c.run), (changes, changes.c.run), (inbox, inbox.c.run)):
                    connection.execute(delete(table).where(column.in_(ids)))
                connection.execute(delete(runs).where(runs.c.id.in_(ids)))
            deleted += len(ids)
            if len(ids) < _AT_ONCE:
                return deleted

    # Steps.

    def steps(self, run: str) -> dict[str, Step]:
        """Return what is recorded of a run, by key."""
        with self._reading() as connection:
            rows = connection.execute(statements.GET_STEPS, {"of": run}).all()
        found: dict[str, Step] = {}
        for row in rows:
            try:
                step = self._seal.opened_step(step_of(run, row))
            except (Damaged, TypeError, ValueError):
                raise self._corrupt("steps", f"{run}/{row[0]}") from None
            found[step.key] = step
        return found

    def append(self, wanted: Append) -> None:
        """Write steps, all or none.

        Raises:
            Fenced: The run is another process's by now.
        """
        with self._writing() as connection:
            refused = self.append_on(connection, wanted)
        if refused is not None:
            raise refused

    def append_all(self, wanted: Sequence[Append]) -> list[Fenced | None]:
        """Write steps of several runs or lanes in one transaction; a run that is another process's by now keeps none of the others back."""
        with self._writing() as connection:
            answers = [self.append_on(connection, each) for each in wanted]
            if is_sqlite(self._url):
                self._version_seen = _data_version(connection)
        return answers

    def append_on(self, connection: Connection, wanted: Append) -> Fenced | None:
        """Write steps in somebody's transaction."""
        claim, made, until = wanted
        for step in made:
            values = {**step_values(claim.run, self._seal.step(step), claim.epoch), "by": claim.owner}
            if not self._append(connection, values):
                return fenced(claim)  # the first: nothing is written, as the others have the same claim
        if until is not None and not _renew(connection, claim, until):
            return fenced(claim)
        return None

    def connect(self) -> Connection:
        """Open a connection that writes without one of the process's other ones; its transactions begin where its user says."""
        self.open()
        with self._translated():
            return self._connections.engine.connect()

    # Signals.

    def put_signal(self, run: str, name: str, id: str, value: bytes, *, now: float) -> bool:  # noqa: A002 - the field's word
        """Write a signal, with which a suspended run is due; whether it is a new one."""
        known = select(func.count()).where(inbox.c.run == run, inbox.c.name == name, inbox.c.id == id)
        row = {"run": run, "name": name, "id": id, "sent_at": now, "value": value, "consumed_by": ""}
        value = row["value"] = self._seal.value(value)
        with self._writing() as connection:
            if connection.execute(known).scalar():
                return False
            connection.execute(statements.PUT_SIGNAL, {**row, "crc": crc_of(value, run, name, id, now + 0.0)})
            found = self._run(connection, statements.GET_RUN_TO_CHANGE, run)
            if found is not None and found.status is Status.SUSPENDED:
                self._put(connection, found._replace(not_before=min(found.not_before, now)))
        return True

    def take_signal(
        self, claim: Claim, name: str, step: Step, wrap: Callable[[bytes], bytes]
    ) -> bytes | None:
        """Take the oldest signal of a name, and write it as the outcome of a step, together; None without one.

        Raises:
            Fenced: The run is another process's by now.
        """
        with self._writing() as connection:
            row = connection.execute(statements.GET_WAITING, {"of": claim.run, "named": name}).first()
            if row is None:
                return None
            value = bytes(row.value)
            if row.crc != crc_of(value, claim.run, name, row.id, row.sent_at):
                raise self._corrupt("inbox", f"{claim.run}/{name}/{row.id}")
            value = bytes(self._seal.opened_value(value))
            made = step._replace(value=wrap(value))
            refused = self.append_on(connection, Append(claim, [made]))
            if refused is None:
                taken = (inbox.c.run == claim.run, inbox.c.name == name, inbox.c.id == row.id)
                connection.execute(update(inbox).where(*taken).values(consumed_by=step.key))
        if refused is not None:
            raise refused
        return value

    # The rest is private.

    @context_manager
    def _writing(self) -> Generator[Connection]:
        self.open()
        with self._translated(), self._connections.writing.transaction() as connection:
            yield connection

    @context_manager
    def _reading(self) -> Generator[Connection]:
        self.open()
        with self._translated(), self._connections.reading.transaction() as connection:
            yield connection

    @context_manager
    def _translated(self) -> Generator[None]:
        try:
            yield
        except DurableError:
            raise
        except (SQLAlchemyError, sqlite3.Error, OSError) as error:
            raise self.unavailable(error) from error

    def _prepare(self) -> None:
        found = self._version()
        if found is None and self._create:
            found = self._make_tables()
        if found != VERSION:
            raise self._other_version(found or 0)

    def _version(self) -> int | None:
        """The version of the tables; None where there are none."""
        with self._connections.reading.transaction() as connection:
            if not inspect(connection).has_table(meta.name, schema=self._schema):
                return None
            version: int | None = connection.execute(statements.GET_VERSION).scalar()
            return version

    def _make_tables(self) -> int:
        with self._connections.writing.transaction() as connection:
            metadata.create_all(connection)
            found = connection.execute(statements.GET_VERSION).scalar()  # another process was first
            if found is None:
                connection.execute(insert(meta).values(version=VERSION))
        return VERSION if found is None else int(found)

    def _other_version(self, found: int) -> JournalVersion:
        if not found:
            happened = "has no tables, and create=False has none made"
        else:
            happened = f"has tables of version {found}, and this program needs {VERSION}"
        way = f"Run `pegboard durable migrate {self.address}`"
        if found > VERSION:
            way = "Take the version of pegboard-durable that made them, or a later one"
        return JournalVersion(
            f"the journal {self.address} {happened}.\n{way}.",
            journal=self.address,
            found=found,
            needed=VERSION,
        )

    def _run(self, connection: Connection, statement: Any, run: str) -> RunRow | None:
        row = connection.execute(statement, {"run": run}).first()
        return None if row is None else self._read_run(row)

    def _as_read(self, connection: Connection, run: RunRow) -> RunRow | None:
        """A run as it is, if it did not change hands or status since it was read."""
        found = self._run(connection, statements.GET_RUN_TO_CHANGE, run.id)
        same = found is not None and (found.epoch, found.status) == (run.epoch, run.status)
        return found if same else None

    def _put(self, connection: Connection, run: RunRow) -> None:
        connection.execute(statements.PUT_RUN, {**run_values(self._seal.run(run)), "run": run.id})

    def _read_run(self, row: Any) -> RunRow:
        try:
            return self._seal.opened_run(run_of(row))
        except (Damaged, TypeError, ValueError):
            raise self._corrupt("runs", str(row[0])) from None

    def unavailable(self, error: BaseException) -> DurableError:
        """Say what an error of the database or the system means for a run."""
        if is_damage(error):
            return self._corrupt("", "")
        reason = getattr(error, "orig", None) or error
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


def _renew(connection: Connection, claim: Claim, until: float) -> bool:
    values = {"run": claim.run, "by": claim.owner, "held": claim.epoch, "until": until}
    return bool(connection.execute(statements.RENEW, values).rowcount)


def _note(connection: Connection, run: str, at: float, before: str, after: str, by: str, why: str) -> None:
    row = {"run": run, "at": at, "before": str(before), "after": str(after), "by": by, "why": why}
    connection.execute(statements.NOTE, row)


def fenced(claim: Claim) -> Fenced:
    """Say that a run is another process's by now."""
    return Fenced(f"run {claim.run!r} was taken over by another process, and goes on there")


def _forget_steps(connection: Connection, run: RunRow, from_step: str | None) -> None:
    """Delete what no longer holds of a run that is tried again."""
    wanted = select(steps.c.key, steps.c.kind, steps.c.status, steps.c.started_at).where(
        steps.c.run == run.id
    )
    rows = connection.execute(wanted).all()
    facts = [(row.key, row.kind, row.status) for row in rows]
    gone = forgotten(facts, is_undone=run.status is not Status.UNDO_FAILED)
    if from_step is not None:
        since = begun_since([(row.key, row.started_at) for row in rows], from_step)
        if not since:
            raise UnknownStep(
                f"run {run.id!r} has recorded no step {from_step!r}; `pegboard durable show {run.id}` lists them.",
                run_id=run.id,
                key=from_step,
            )
        gone |= since
    _delete_steps(connection, run, sorted(gone))


def _delete_steps(connection: Connection, run: RunRow, gone: Sequence[str]) -> None:
    for first in range(0, len(gone), _MANY):
        keys = gone[first : first + _MANY]
        connection.execute(delete(steps).where(steps.c.run == run.id, steps.c.key.in_(keys)))


def _data_version(connection: Connection) -> int:
    raw: Any = connection.connection.dbapi_connection
    version: int = raw.execute("PRAGMA data_version").fetchone()[0]
    return version
