"""What the exporter takes, and whom it serves."""

from __future__ import annotations

import io
import threading

import pytest

from pegboard import ConfigError, Session, task
from pegboard.testing import FaultyPlugin, check_plugin
from pegboard_jsonlines import JSONLines


@task
def leaf():
    return 1


@pytest.mark.parametrize("settings", [{}, {"attempts": True, "groups": True}], ids=str)
def test_has_the_manners_of_a_plugin(path, settings):
    """Tasks notice nothing of it, and one instance serves several sessions."""
    check_plugin(lambda: JSONLines(path, **settings))


@pytest.mark.parametrize(
    ("wrong", "error"),
    [(3, TypeError), (b"x", TypeError), ("", ValueError), (io.BytesIO(), TypeError), (object(), TypeError)],
)
def test_what_is_neither_path_nor_text_stream_is_refused(wrong, error):
    """At once, before any session."""
    with pytest.raises(error, match=r"JSONLines"):
        JSONLines(wrong)


def test_a_program_without_standard_output_is_told(monkeypatch):
    """Such as one without a console on Windows."""
    monkeypatch.setattr("sys.stdout", None)
    with pytest.raises(ConfigError, match="no standard output"), Session(JSONLines(), inherit=False):
        pass


def test_an_inner_session_writes_where_the_outer_one_does(path, read):
    """It inherits the exporter; its calls name their own session."""
    with Session(JSONLines(path), inherit=False) as outer:
        with Session() as inner:
            leaf()
        leaf()
    assert [line["session_id"] for line in read()] == [inner.id, outer.id]


def test_one_instance_in_two_sessions_at_once(path, read):
    """Each has a way to the file of its own; the end of one leaves the other's open."""
    plugin, ready, go_on = JSONLines(path), threading.Event(), threading.Event()

    def other():
        with Session(plugin, inherit=False):
            ready.set()
            go_on.wait(10)
            leaf()

    thread = threading.Thread(target=other)
    with Session(plugin, inherit=False):
        thread.start()
        ready.wait(10)
        leaf()
    go_on.set()
    thread.join(10)
    assert len({line["session_id"] for line in read()}) == 2


def test_another_plugin_that_fails_changes_no_line(path, read):
    """The same lines, whatever else watches."""
    with Session(JSONLines(path), FaultyPlugin(), inherit=False):
        leaf()
        leaf.map([], on_error="collect")
    assert [line["status"] for line in read()] == ["ok"]


def test_it_is_attached_to_an_open_session(path, read):
    """The file is opened then."""
    with Session(inherit=False) as session:
        leaf()
        session.register(JSONLines(path))
        leaf()
    assert len(read()) == 1


def test_the_count_of_what_was_lost_goes_on(path):
    """Over all sessions of an instance."""
    closed = io.StringIO()
    closed.close()
    plugin = JSONLines(closed)
    for lost in (1, 2):
        with Session(plugin, inherit=False):
            leaf()
        assert plugin.dropped == lost


@pytest.mark.parametrize("kind", ["function", "stream"])
def test_what_ends_after_its_session_is_written_or_counted(path, kind):
    """A call in a thread, and a stream that somebody still reads: the line is there, or it is among those that were lost."""
    begun, free = threading.Event(), threading.Event()

    @task(name="late")
    def late():
        begun.set()
        assert free.wait(10)

    @task(name="stream")
    def stream():
        yield 1
        yield 2

    plugin = JSONLines(path)
    with Session(plugin, inherit=False) as session:
        items = iter(stream())
        if kind == "stream":
            assert next(items) == 1
        else:

            def inside():
                with session:
                    late()

            thread = threading.Thread(target=inside)
            thread.start()
            assert begun.wait(10)
    free.set()
    if kind == "function":
        thread.join()
    else:
        list(items)
    assert len(path.read_text().splitlines()) + plugin.dropped == 1
