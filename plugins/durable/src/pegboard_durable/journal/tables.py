"""The tables. Every statement is made of these, with bound values; SQLite and PostgreSQL have the same."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
)

VERSION = 1

metadata = MetaData()

meta = Table("pegboard_meta", metadata, Column("version", Integer, primary_key=True))

runs = Table(
    "pegboard_runs",
    metadata,
    Column("id", Text, primary_key=True),
    Column("task", Text, nullable=False),
    Column("input", LargeBinary, nullable=False),
    Column("digest", Text, nullable=False),
    Column("fingerprint", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("queue", Text, nullable=False),
    Column("priority", Integer, nullable=False),
    Column("not_before", Double, nullable=False),
    Column("created_at", Double, nullable=False),
    Column("started_at", Double),
    Column("ended_at", Double),
    Column("parent", Text, nullable=False),
    Column("trace", Text, nullable=False),
    Column("owner", Text, nullable=False),
    Column("epoch", Integer, nullable=False),
    Column("lease", Double, nullable=False),
    Column("lease_until", Double, nullable=False),
    Column("recoveries", Integer, nullable=False),
    Column("cancel_asked", Boolean, nullable=False),
    Column("result", LargeBinary),
    Column("crc", BigInteger, nullable=False),
    Index("pegboard_runs_by_status", "status", "queue", "priority", "not_before"),
    Index("pegboard_runs_by_end", "ended_at"),
)

steps = Table(
    "pegboard_steps",
    metadata,
    Column("run", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("digest", Text, nullable=False),
    Column("value", LargeBinary),
    Column("attempt", Integer, nullable=False),
    Column("enclosing", Text, nullable=False),
    Column("next_at", Double, nullable=False),
    Column("fingerprint", Text, nullable=False),
    Column("started_at", Double, nullable=False),
    Column("duration", Double, nullable=False),
    Column("epoch", Integer, nullable=False),
    Column("crc", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

changes = Table(
    "pegboard_changes",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("run", Text, nullable=False),
    Column("at", Double, nullable=False),
    Column("before", Text, nullable=False),
    Column("after", Text, nullable=False),
    Column("by", Text, nullable=False),
    Column("why", Text, nullable=False),
    Index("pegboard_changes_by_run", "run"),
)

inbox = Table(
    "pegboard_inbox",
    metadata,
    Column("run", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    Column("sent_at", Double, nullable=False),
    Column("value", LargeBinary, nullable=False),
    Column("consumed_by", Text, nullable=False),
    Column("crc", BigInteger, nullable=False),
)
