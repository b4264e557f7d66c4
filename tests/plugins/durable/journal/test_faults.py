"""What errors of a database say."""

from __future__ import annotations

import sqlite3

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import DBAPIError

from pegboard import Durability
from pegboard_durable.journal.faults import is_damage, is_storage_fault, old_sqlite


def error_of(statement, path, pragma=""):
    """Have SQLite raise an error, as SQLAlchemy hands it on."""
    with create_engine(f"sqlite:///{path}").connect() as connection:
        if pragma:
            connection.exec_driver_sql(pragma)
        with pytest.raises(DBAPIError) as caught:
            connection.execute(text(statement))
    return caught.value


def test_a_wrong_statement_says_nothing_of_the_storage(tmp_path):
    """It is an error of whoever wrote it."""
    error = error_of("SELECT * FROM nothing", tmp_path / "a.db")
    assert not is_storage_fault(error)
    assert not is_damage(error)
    assert not is_storage_fault(KeyError())


def test_a_full_disk_is_a_fault(tmp_path):
    """But no damage."""
    error = error_of(
        "CREATE TABLE t AS SELECT randomblob(99999) AS x", tmp_path / "a.db", "PRAGMA max_page_count = 1"
    )
    assert is_storage_fault(error)
    assert not is_damage(error)


def test_what_is_no_database_is_damage(tmp_path):
    """Which is a fault, too."""
    path = tmp_path / "a.db"
    path.write_bytes(b"no database" * 100)
    error = error_of("SELECT * FROM sqlite_schema", path)
    assert is_damage(error)
    assert is_storage_fault(error)


@pytest.mark.parametrize(
    ("version", "is_named"), [((3, 40, 1), True), ((3, 51, 2), True), ((3, 51, 3), False), ((4, 0, 0), False)]
)
def test_versions_of_sqlite_with_the_wal_reset_bug_are_named(version, is_named):
    """By `pegboard doctor`, and not at every start."""
    named = old_sqlite(version)
    assert bool(named) is is_named
    assert all(".".join(map(str, version)) in each for each in named)
    assert Durability.doctor_warnings() == old_sqlite(sqlite3.sqlite_version_info)
