"""Statements that are made once, with places for values, and filled in again and again."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    Integer,
    Select,
    Update,
    bindparam,
    exists,
    func,
    insert,
    literal_column,
    select,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from pegboard_durable._records import RunRow, Step
from pegboard_durable.journal.tables import changes, inbox, meta, runs, steps

if TYPE_CHECKING:
    from sqlalchemy import Connection

RUN_COLUMNS = [*(runs.c[name] for name in RunRow._fields), runs.c.crc]
STEP_COLUMNS = [*(steps.c[name] for name in Step._fields), steps.c.crc]

GET_VERSION = select(meta.c.version)
GET_RUN: Select[Any] = select(*RUN_COLUMNS).where(runs.c.id == bindparam("run"))
GET_RUN_TO_CHANGE = GET_RUN.with_for_update()
PUT_RUN: Update = update(runs).where(runs.c.id == bindparam("run"))
RENEW = (
    update(runs)
    .where(
        runs.c.id == bindparam("run"),
        runs.c.owner == bindparam("by"),
        runs.c.epoch == bindparam("held"),
    )
    .values(lease_until=bindparam("until"))
)
GET_STEPS: Select[Any] = select(*STEP_COLUMNS).where(steps.c.run == bindparam("of"))
NOTE = insert(changes)
PUT_SIGNAL = insert(inbox)
COUNT_SIGNALS = (
    select(func.count())
    .select_from(inbox)
    .where(inbox.c.run == bindparam("of"), inbox.c.consumed_by == "", inbox.c.sent_at >= bindparam("since"))
)
GET_WAITING = (
    select(inbox.c.id, inbox.c.sent_at, inbox.c.value, inbox.c.crc)
    .where(inbox.c.run == bindparam("of"), inbox.c.name == bindparam("named"), inbox.c.consumed_by == "")
    .order_by(inbox.c.sent_at, inbox.c.id)
    .limit(1)
)


def append_with(dialect: str) -> Callable[[Connection, dict[str, Any]], bool]:
    """Return what inserts a step, or writes over what was there, in one statement; its answer: the run was the process's, and so it did."""
    if dialect == "postgresql":
        statement = _append(postgresql.insert(steps))
        return lambda connection, values: bool(connection.execute(statement, values).rowcount)
    compiled = _append(sqlite.insert(steps)).compile(dialect=sqlite.dialect())
    text, names = str(compiled), compiled.positiontup or ()

    def append(connection: Connection, values: dict[str, Any]) -> bool:
        row = tuple([values[name] for name in names])
        return bool(connection.exec_driver_sql(text, row).rowcount)  # compiled once, as each step needs it

    return append


def _append(made: Any) -> Any:
    columns = list(steps.c)
    held: Select[Any] = (
        select(literal_column("1", Integer))
        .where(
            runs.c.id == bindparam("run"),
            runs.c.owner == bindparam("by"),
            runs.c.epoch == bindparam("epoch"),
        )
        .with_for_update(read=True)
    )
    values = select(*(bindparam(column.name, type_=column.type) for column in columns)).where(exists(held))
    new = made.from_select([column.name for column in columns], values)
    changed = {column.name: new.excluded[column.name] for column in columns if not column.primary_key}
    return new.on_conflict_do_update(index_elements=["run", "key"], set_=changed)
