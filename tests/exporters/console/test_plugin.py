"""When the console prints at all, and what it does with a stream that fails."""

from __future__ import annotations

import io
import subprocess
import sys

import pytest

from pegboard import Session, hookimpl, task
from pegboard.testing import check_plugin
from pegboard_console import Console


@task
def leaf():
    return 1


@pytest.mark.parametrize(
    ("force", "stream", "prints"),
    [(None, "terminal", True), (None, "out", False), (True, "out", True), (False, "terminal", False)],
)
def test_prints_to_terminals_and_where_asked(request, force, stream, prints):
    """A stream that is no terminal stays empty unless forced; a terminal can be left alone."""
    file = request.getfixturevalue(stream)
    with Session(Console(file, force=force), inherit=False):
        leaf()
    assert bool(file.getvalue()) is prints


@pytest.mark.parametrize("quiet", [{}, {"force": True, "tree": False, "summary": False}])
def test_a_quiet_console_costs_a_task_nothing(out, quiet):
    """Where nothing is shown, no observer is bound."""
    with Session(Console(out, **quiet), inherit=False) as session:
        assert dict(session.explain(leaf).observers) == {}


def test_standard_error_is_the_default(capsys):
    """The program's own output stays clean."""
    with Session(Console(force=True), inherit=False):
        leaf()
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "leaf" in captured.err


@pytest.mark.parametrize(("tree", "summary"), [(True, False), (False, True)])
def test_tree_and_summary_are_chosen_apart(out, tree, summary):
    """Each can be left out."""
    with Session(Console(out, force=True, tree=tree, summary=summary), inherit=False):
        leaf()
    assert ("✓ leaf" in out.getvalue(), "p95" in out.getvalue()) == (tree, summary)


def test_a_terminal_gets_colours_and_a_file_none(terminal, out, monkeypatch):
    """Escape codes are for terminals."""
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    for file in (terminal, out):
        with Session(Console(file, force=True), inherit=False):
            leaf()
    assert "\x1b[" in terminal.getvalue()
    assert "\x1b[" not in out.getvalue()


def test_a_long_name_hides_nothing_else(terminal, monkeypatch):
    """On a narrow terminal a line is cut in its name, and the table keeps its numbers."""
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERM", "dumb")
    with Session(Console(terminal), inherit=False), pytest.raises(ZeroDivisionError):
        task(name="x" * 300)(lambda: 1 / 0)()
    line, *table = terminal.getvalue().splitlines()
    assert line.startswith("✗ xxx")
    assert line.rstrip().endswith("ZeroDivisionError")
    assert max(len(each) for each in [line, *table]) <= 80
    assert next(each.split()[1:] for each in table if "calls" in each) == [
        "calls",
        "ok",
        "errors",
        "retries",
        "hits",
        "p50",
        "p95",
        "total",
    ]


class Gone(io.StringIO):
    """A stream whose reader has gone."""

    def __init__(self, error):
        super().__init__()
        self.error = error
        self.writes = 0

    def write(self, text):
        self.writes += 1
        raise self.error


@pytest.mark.parametrize(
    "error", [BrokenPipeError(), OSError(5, "terminal is gone"), ValueError("closed file")]
)
def test_a_stream_that_fails_is_left_alone(error):
    """The task goes on, nothing is logged or raised, and nothing more is written."""
    file = Gone(error)
    with Session(Console(file, force=True), inherit=False, strict=True) as session:
        assert [leaf(), leaf()] == [1, 1]
        assert session.observer_errors == {}
    assert file.writes == 1


def test_a_closed_file_is_no_terminal():
    """A file closed before the session is as good as none."""
    file = io.StringIO()
    file.close()
    for force in (None, True):
        with Session(Console(file, force=force), inherit=False, strict=True):
            assert leaf() == 1


def test_a_program_whose_reader_has_gone_ends_well():
    """`program | head` neither fails nor ends the program early."""
    program = (
        "import sys\n"
        "from pegboard import Session, task\n"
        "from pegboard_console import Console\n"
        "done = task(name='done')(lambda: 1)\n"
        "sys.stdin.readline()\n"
        "with Session(Console(sys.stderr, force=True)):\n"
        "    print(sum(done() for _ in range(100)))\n"
    )
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", program], text=True, **pipes) as running:
        running.stderr.close()
        running.stdin.write("go\n")
        running.stdin.flush()
        assert running.stdout.read() == "100\n"


def test_an_ascii_stream_gets_ascii():
    """Marks and names are written in what the stream can hold."""
    raw = io.BytesIO()
    file = io.TextIOWrapper(raw, encoding="ascii")
    with Session(Console(file, force=True), inherit=False, strict=True):
        task(name="größe")(lambda: 1)()
    file.flush()
    assert raw.getvalue().startswith(b"+ gr\\xf6\\xdfe  ")


def test_half_a_surrogate_pair_in_a_name_is_written(out):
    """A name that no encoding can hold is escaped."""
    with Session(Console(out, force=True, summary=False), inherit=False, strict=True):
        task(name="odd_{x}")(lambda x: 1)("\ud800")
    assert "odd_\\ud800" in out.getvalue()


@pytest.mark.parametrize(
    ("settings", "hint"), [({"file": "out.txt"}, "open"), ({"force": "yes"}, "True or False, or None")]
)
def test_wrong_settings_are_refused(settings, hint):
    """A path in place of a file, or a word in place of a flag, is an error that says what to give."""
    with pytest.raises(TypeError, match=hint):
        Console(**settings)


def test_one_console_serves_sessions_in_turn(out):
    """Each session has a summary of its own."""
    console = Console(out, force=True, tree=False)
    for _ in range(2):
        with Session(console, inherit=False):
            leaf()
    tables = [line.split() for line in out.getvalue().splitlines() if "leaf" in line]
    assert [row[1] for row in tables] == ["1", "1"]


def test_canaries_stay_inside(out):
    """No input, result or message is printed."""

    @task
    def fails(x):
        raise ValueError(x)

    with Session(Console(out, force=True), inherit=False):
        task(name="plain")(lambda x: x)("canary")
        fails.run("canary")
    assert "canary" not in out.getvalue()
    assert "ValueError" in out.getvalue()


def test_rich_is_imported_when_something_is_printed():
    """Attaching a console that stays quiet does not load rich."""
    program = (
        "import sys\n"
        "from pegboard import Session, task\n"
        "from pegboard_console import Console\n"
        "import io\n"
        "with Session(Console(io.StringIO())): task(lambda: 1)()\n"
        "print('rich' in sys.modules)\n"
    )
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert found.stdout == "False\n"


def test_an_explained_task_is_watched_all_the_same(out):
    """A plan looked at before the session is open does not leave the console out."""
    session = Session(Console(out, force=True, summary=False), inherit=False)
    session.explain(leaf)
    with session:
        leaf()
    assert "leaf" in out.getvalue()


def test_other_plugins_errors_do_not_matter(out, shown):
    """A call is shown whatever another observer does."""

    class Bad:
        name = "bad"

        @hookimpl
        def after_execute(self, call):
            raise RuntimeError

    with Session(Console(out, force=True, summary=False), Bad(), inherit=False):
        leaf()
    assert shown() == ["✓ leaf"]


def test_console_has_the_manners_of_a_plugin():
    """Values, errors, events and context are the same with a console and without."""
    check_plugin(lambda: Console(io.StringIO(), force=True))
