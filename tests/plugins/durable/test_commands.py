"""`pegboard durable`: runs from the command line."""

from __future__ import annotations

import json
import sqlite3
import sys

import pytest
from click.testing import CliRunner

from pegboard.testing import reset_default_session
from pegboard_cli import main
from pegboard_durable import Durability
from pegboard_durable._tasks import TASKS

JOBS = """
from pathlib import Path

from pegboard import Durable, Undo, task
from pegboard_durable import pause, step


@task(Durable())
def double(x: int, *, loud: bool = False):
    return {"double": step("twice", lambda: 2 * x), "loud": loud}


@task(Durable())
def asks(days: int):
    step("ask", print, "asked")
    return [days, pause("answer")]


@task(Durable())
def needs(path: str):
    step("look", print, "looked")
    return step("read", Path(path).read_text)


def take_back():
    print("taken back")


@task(Durable(), Undo(take_back))
def done():
    return 1


@task(Durable())
def undone():
    done()
    pause("never")


@task
def plain(): ...
"""


@pytest.fixture
def durable(tmp_path, monkeypatch, journal):
    """Run `pegboard durable COMMAND --journal URL ...` in a folder that holds `durable_jobs.py`."""
    (tmp_path / "durable_jobs.py").write_text(JOBS)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))

    def run(command, *words):
        with TASKS.unchanged():  # as in a process of its own
            return CliRunner().invoke(main, ["durable", command, "--journal", journal, *words])

    yield run
    sys.modules.pop("durable_jobs", None)
    reset_default_session()


@pytest.fixture
def suspended(durable):
    """A run `ann` that waits for the signal `answer`, whose module is not loaded any more."""
    started = durable("start", "--id", "ann", "durable_jobs:asks", "3")
    assert (started.exit_code, started.stdout) == (
        0,
        "asked\nann is SUSPENDED: waits for the signal 'answer'\n",
    )
    del sys.modules["durable_jobs"]
    return durable


def test_start_runs_a_task_with_arguments_by_its_annotations(durable):
    """And writes what it returned, as `pegboard run` does."""
    done = durable("start", "--id", "a", "durable_jobs:double", "4", "--loud")
    assert (done.exit_code, done.stdout) == (0, '{"double": 8, "loud": true}\n')


def test_start_of_an_id_that_is_done_answers_with_what_it_came_to(durable):
    """Nothing runs again; another argument is another run, and refused."""
    for _ in range(2):
        assert durable("start", "--id", "a", "durable_jobs:double", "4").stdout.startswith('{"double": 8')
    other = durable("start", "--id", "a", "durable_jobs:double", "5")
    assert other.exit_code == 2
    assert "other arguments" in other.stderr


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("durable_jobs:doubl", "4"), "Did you mean 'double'?"),
        (("durable_jobs:double", "four"), "x: "),
        (("durable_jobs:double",), "missing a required argument"),
        (("--id", "a b", "durable_jobs:double", "4"), "no id of a run"),
        (("no_such_module:double", "4"), "there is no module"),
        (("durable_jobs:plain",), "Durable()"),
    ],
)
def test_what_cannot_be_started_is_a_misuse(durable, words, told):
    """Told in a few lines."""
    failed = durable("start", *words)
    assert failed.exit_code == 2
    assert told in failed.stderr
    assert "Traceback" not in failed.stderr


def test_a_signal_is_sent_once_by_id_and_the_run_goes_on_when_it_is_resumed(suspended):
    """Its value is JSON, or else a text."""
    assert suspended("signal", "--id", "click", "ann", "answer", '{"ok": 1}').stdout == "sent\n"
    assert suspended("signal", "--id", "click", "ann", "answer", '{"ok": 1}').stdout == "was sent before\n"
    resumed = suspended("resume", "--import", "durable_jobs", "ann")
    assert (resumed.exit_code, resumed.stdout) == (0, '[3, {"ok": 1}]\n')


def test_a_run_whose_task_is_not_loaded_says_how_it_is_given(suspended):
    """Nothing is imported on behalf of a row."""
    refused = suspended("resume", "ann")
    assert refused.exit_code == 2
    assert "--import durable_jobs" in refused.stderr
    assert "durable_jobs" not in sys.modules


def test_a_run_that_failed_is_tried_again(durable, tmp_path):
    """What is done is kept; the status is 1 until it succeeds."""
    failed = durable("start", "--id", "a", "durable_jobs:needs", "missing.txt")
    assert failed.exit_code == 1
    assert failed.stdout == "looked\n"
    assert failed.stderr.startswith("a is FAILED: FileNotFoundError: ")
    (tmp_path / "missing.txt").write_text("here")
    done = durable("retry", "--import", "durable_jobs", "a")
    assert (done.exit_code, done.stdout) == (0, "here\n")
    again = durable("retry", "a")
    assert again.exit_code == 2
    assert "a' is DONE" in again.stderr


def test_a_run_is_tried_again_from_a_step(durable, tmp_path):
    """That step runs again though it is done; one that is not recorded is a misuse, and changes nothing."""
    durable("start", "--id", "a", "durable_jobs:needs", "missing.txt")
    unknown = durable("retry", "--import", "durable_jobs", "--from", "no#1", "a")
    assert unknown.exit_code == 2
    assert "no step 'no#1'" in unknown.stderr
    (tmp_path / "missing.txt").write_text("here")
    done = durable("retry", "--import", "durable_jobs", "--from", "look#1", "a")
    assert (done.exit_code, done.stdout) == (0, "looked\nhere\n")


def test_recover_takes_up_what_is_due(suspended):
    """Of the modules that are given."""
    assert suspended("signal", "ann", "answer", "yes").exit_code == 0
    recovered = suspended("recover", "durable_jobs")
    assert (recovered.exit_code, recovered.stdout) == (0, "ann is DONE: returned\n")
    assert suspended("recover", "durable_jobs").stdout == ""


def test_recover_of_a_run_whose_task_is_nowhere_sets_it_aside(suspended):
    """As ATTENTION, and the status is 1."""
    suspended("signal", "ann", "answer", "yes")
    recovered = suspended("recover", "json")
    assert recovered.exit_code == 1
    assert recovered.stdout.startswith("ann is ATTENTION: ")


def test_cancel_ends_a_run_that_waits(suspended):
    """At once, as nobody works on it."""
    cancelled = suspended("cancel", "ann")
    assert (cancelled.exit_code, cancelled.stdout) == (0, "ann is CANCELLED\n")
    assert suspended("signal", "ann", "answer").exit_code == 2


def test_cancel_undoes_steps_where_their_module_is_given(durable):
    """Else it says that the run is to end."""
    assert durable("start", "--id", "a", "durable_jobs:undone").exit_code == 0
    del sys.modules["durable_jobs"]
    assert durable("cancel", "a").stdout == "a is PENDING, and is to end\n"
    assert durable("cancel", "--import", "durable_jobs", "a").stdout == "taken back\na is CANCELLED\n"


def test_replay_tells_whether_the_program_does_the_same(suspended, tmp_path):
    """No step runs; with --check a difference is the status 1."""
    same = suspended("replay", "--check", "--import", "durable_jobs", "ann")
    assert (same.exit_code, same.stdout) == (0, "ann does the same as far as it is recorded\n")
    del sys.modules["durable_jobs"]
    (tmp_path / "durable_jobs.py").write_text(JOBS.replace('"asked")', '"asked", "again")'))
    for words, code in ((("--check",), 1), ((), 0)):
        other = suspended("replay", *words, "--import", "durable_jobs", "ann")
        assert other.exit_code == code
        assert other.stdout.startswith("ann diverges: ")
        del sys.modules["durable_jobs"]


def test_list_has_a_line_a_run(suspended):
    """Or an object, by status or all."""
    suspended("start", "--id", "b", "durable_jobs:double", "4")
    lines = suspended("list").stdout.splitlines()
    assert [line.split()[:3] for line in lines] == [
        ["ann", "SUSPENDED", "durable_jobs:asks"],
        ["b", "DONE", "durable_jobs:double"],
    ]
    only = suspended("list", "--status", "done", "--json").stdout.splitlines()
    assert [(run["id"], run["status"]) for run in map(json.loads, only)] == [("b", "DONE")]


def test_show_tells_changes_and_steps_and_no_values(suspended):
    """For people, and as an object."""
    shown = suspended("show", "ann").stdout
    assert shown.startswith("ann is SUSPENDED, a run of durable_jobs:asks\n")
    assert "waits for the signal 'answer'" in shown
    assert "ask#1" in shown
    told = json.loads(suspended("show", "--json", "ann").stdout)
    assert [change["to"] for change in told["changes"]] == ["RUNNING", "SUSPENDED"]
    assert [(step["key"], step["status"]) for step in told["steps"]] == [
        ("ask#1", "ok"),
        ("@pause:answer#1", "waiting"),
    ]


def test_what_a_row_says_cannot_drive_a_terminal(durable, journal, tmp_path):
    """Control characters in an error's message are not written."""
    durable("start", "--id", "a", "durable_jobs:needs", "no\x1b[2Jfile")
    assert "\x1b" not in durable("show", "a").output


def test_gc_deletes_runs_that_are_over(suspended):
    """Not those that wait."""
    suspended("start", "--id", "b", "durable_jobs:double", "4")
    assert suspended("gc", "--keep", "3600").stdout == "0 runs deleted\n"
    assert suspended("gc").stdout == "1 run deleted\n"
    assert len(suspended("list").stdout.splitlines()) == 1


def test_migrate_makes_the_tables(durable, journal):
    """Of this version."""
    assert durable("migrate").stdout.endswith("has tables of version 1\n")
    assert Durability(journal, create=False).runs() == []


@pytest.mark.parametrize("command", ["schema", "migrate"])
def test_the_statements_that_are_written_make_a_journal(durable, journal, tmp_path, command):
    """For a database whose user may make none: someone else runs them."""
    written = durable(command, "--sql").stdout
    with sqlite3.connect(tmp_path / "journal.db") as made:
        made.executescript("PRAGMA journal_mode = WAL;" + written)
    made.close()
    (tmp_path / "journal.db").chmod(0o600)
    assert durable("list").exit_code == 0
    assert durable("migrate", "--sql").stdout == ""
    assert durable("start", "--id", "a", "durable_jobs:double", "4").exit_code == 0


def test_the_statements_are_those_of_the_database(durable):
    """PostgreSQL has other types."""
    done = CliRunner().invoke(
        main, ["durable", "schema", "--sql", "--journal", "postgresql+psycopg://nobody@localhost/none"]
    )
    assert "BYTEA" in done.stdout, done.output


@pytest.mark.parametrize("words", [["list"], ["show", "a"], ["resume", "a"], ["signal", "a", "b"], ["gc"]])
def test_a_journal_that_is_not_there_is_told_and_not_made(durable, tmp_path, words):
    """With the address; a typing error makes no file."""
    done = durable(*words)
    assert done.exit_code == 2
    assert "journal.db" in done.stderr
    assert not (tmp_path / "journal.db").exists()


@pytest.mark.parametrize("command", ["show", "resume", "retry", "cancel"])
def test_a_run_that_is_not_there_is_told(suspended, command):
    """With its id."""
    done = suspended(command, "nobody")
    assert done.exit_code == 2
    assert "there is no run 'nobody'" in done.stderr


def test_the_journal_may_be_that_of_the_environment(suspended, journal, monkeypatch):
    """As of the plugin that is configured; `--journal` goes before it."""
    monkeypatch.setenv("PEGBOARD_DURABLE__URL", journal)
    assert CliRunner().invoke(main, ["durable", "list"]).stdout.startswith("ann ")
    monkeypatch.setenv("PEGBOARD_DURABLE__URL", "sqlite:///elsewhere.db")
    assert suspended("list").stdout.startswith("ann ")
