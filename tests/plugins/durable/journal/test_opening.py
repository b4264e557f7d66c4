"""Addresses of journals, and the files behind them."""

from __future__ import annotations

import os
import sqlite3
import stat
import tempfile
from contextlib import closing
from pathlib import Path

import pytest

from pegboard import ConfigError, Durability, Session
from pegboard_durable import JournalUnavailable, JournalVersion
from pegboard_durable.journal.journal import Journal
from pegboard_durable.journal.opening import parse


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("", "cannot be read"),
        ("journal.db", "cannot be read"),
        (None, "cannot be read"),
        (7, "cannot be read"),
        ("mysql://user@host/db", "no journal can be kept in mysql"),
        ("sqlite+aiosqlite:///journal.db", r"no journal can be kept in sqlite\+aiosqlite"),
        ("postgresql+asyncpg://host/db", r"no journal can be kept in postgresql\+asyncpg"),
        ("sqlite://", "a journal in memory ends with its process"),
        ("sqlite:///:memory:", "a journal in memory ends with its process"),
        ("sqlite:///file:x?mode=memory&uri=true", "a journal in memory ends with its process"),
        ("sqlite:///file:x.db?uri=true", "its path alone"),
        ("sqlite:///x.db?mode=ro", "its path alone"),
        ("sqlite://x.db", "in memory"),
    ],
)
def test_an_address_that_no_journal_can_be_at_is_refused_with_the_reason(url, reason):
    """Where the plugin is made, and with one that can."""
    with pytest.raises(ConfigError, match=reason) as caught:
        Durability(url)
    assert "sqlite:///journal.db" in str(caught.value)


def test_a_password_is_in_no_message():
    """Nor is it in what names the journal."""
    journal = Journal("postgresql://user:canary@127.0.0.1:1/database")
    assert "canary" not in repr(journal)


def test_postgresql_is_taken_for_psycopg():
    """Whatever SQLAlchemy takes it for."""
    assert parse("postgresql://host/db").drivername == "postgresql+psycopg"


def test_schemas_are_of_databases(journal):
    """A file has none."""
    with pytest.raises(ConfigError, match="a journal in a file has no schemas"):
        Durability(journal, schema="jobs")


def mode_of(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_a_new_journal_is_its_owners_alone(tmp_path):
    """The folder, the file, and what SQLite puts beside it."""
    folder = tmp_path / "new"
    before = os.umask(0)
    try:
        with Session(Durability(f"sqlite:///{folder / 'journal.db'}")):
            modes = {path.name: mode_of(path) for path in folder.iterdir()}
    finally:
        os.umask(before)
    assert mode_of(folder) == 0o700
    assert modes == dict.fromkeys(("journal.db", "journal.db-wal", "journal.db-shm"), 0o600)


def test_a_relative_path_is_that_of_where_the_plugin_was_made(tmp_path, monkeypatch):
    """Though the process goes elsewhere."""
    monkeypatch.chdir(tmp_path)
    durability = Durability("sqlite:///journal.db")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    with Session(durability):
        pass
    assert (tmp_path / "journal.db").exists()
    assert list((tmp_path / "elsewhere").iterdir()) == []


@pytest.mark.parametrize(
    "path", ["folder", "/proc/no-such-folder/journal.db", "/dev/null", "file/journal.db"]
)
def test_a_path_that_cannot_be_opened_is_an_error_that_names_it(tmp_path, path):
    """And no session begins."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    with (
        pytest.raises(JournalUnavailable, match="cannot be used") as caught,
        Session(Durability(f"sqlite:///{tmp_path / path}")),
    ):
        pytest.fail("the session began")
    assert path in str(caught.value)


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_folder_that_may_not_be_written_to_is_an_error():
    """Also for a journal that is there."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with Session(Durability(f"sqlite:///{folder / 'journal.db'}")):
            pass
        (folder / "journal.db").chmod(0o444)
        folder.chmod(0o555)
        child = os.fork()
        if not child:
            code = 1
            try:
                if os.geteuid() == 0:
                    os.setuid(65534)  # root may write everywhere
                Journal(f"sqlite:///{folder / 'journal.db'}").open()
            except JournalUnavailable:
                code = 42
            finally:
                os._exit(code)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 42
        folder.chmod(0o755)


def test_without_create_nothing_is_made(tmp_path):
    """Neither a file nor tables."""
    path = tmp_path / "new" / "journal.db"
    with (
        pytest.raises(JournalUnavailable, match="No such file"),
        Session(Durability(f"sqlite:///{path}", create=False)),
    ):
        pytest.fail("the session began")
    assert not path.parent.exists()
    empty = tmp_path / "empty.db"
    empty.touch()
    durability = Durability(f"sqlite:///{empty}", create=False)
    with (
        pytest.raises(JournalVersion, match=r"create=False has none made.*\n.*durable migrate"),
        Session(durability),
    ):
        pytest.fail("the session began")
    assert durability.migrate() == 1
    with Session(durability):
        pass


@pytest.mark.parametrize(
    ("version", "way"), [(0, "durable migrate sqlite"), (99, "the version of pegboard-durable that made")]
)
def test_tables_of_another_version_are_refused_with_the_way_out(tmp_path, journal, version, way):
    """They stay as they are."""
    with Session(Durability(journal)):
        pass
    with closing(sqlite3.connect(tmp_path / "journal.db")) as connection:
        connection.execute("UPDATE pegboard_meta SET version = ?", (version,))
        connection.commit()
    with pytest.raises(JournalVersion, match=way) as caught, Session(Durability(journal)):
        pytest.fail("the session began")
    assert (caught.value.found, caught.value.needed) == (version, 1)


def test_what_is_committed_is_there_for_good(journal):
    """A log that is synced with each commit, no mapped memory, and one connection that checkpoints."""
    durability = Durability(journal)
    with Session(durability):
        connections = durability._journal._connections
        pragmas = {}
        for held in (connections.writing, connections.reading):
            with held.transaction() as connection:
                raw = connection.connection.dbapi_connection
                names = ("journal_mode", "synchronous", "busy_timeout", "mmap_size", "wal_autocheckpoint")
                pragmas[held] = {name: raw.execute(f"PRAGMA {name}").fetchone()[0] for name in names}
    writing, reading = pragmas.values()
    assert writing == {
        "journal_mode": "wal",
        "synchronous": 2,
        "busy_timeout": 1,  # it asks again itself, for ten seconds
        "mmap_size": 0,
        "wal_autocheckpoint": 1000,
    }
    assert reading == {**writing, "wal_autocheckpoint": 0, "busy_timeout": 10_000}
