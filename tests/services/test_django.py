"""Django under its own server, gunicorn and uvicorn: whatever a view or a command calls is served by the session of `ready()`."""

from __future__ import annotations

import signal
from collections import Counter

import attrs
import pytest

PAGE = "django.md"
TRACE_ID = "0af7651916cd43dd8448eb211c80319c"
ONCE = ("invoice", "order", "rows", "events")
SERVERS = {
    "runserver": ("python manage.py runserver", ["--noreload"]),
    "autoreload": ("python manage.py runserver", []),
    "sync": ("gunicorn shop.wsgi --workers 1", ["--worker-class", "sync", "--threads", "1"]),
    "gthread": ("gunicorn shop.wsgi --workers 1", []),
    "asgi": ("uvicorn shop.asgi", []),
}
COMMANDS = {**SERVERS, "preload": ("gunicorn shop.wsgi --workers 2", [])}
STATUS = {"runserver": 143, "autoreload": 0, "sync": 0, "gthread": 0, "asgi": -signal.SIGTERM}


def command(project, name):
    """The command of the page, with a port that is free."""
    begin, more = COMMANDS[name]
    return [word.replace("8000", "{port}") for word in project.command(begin)] + more


def ask_for_all(server, **headers):
    """Ask for everything the project has, once."""
    assert server.ask("/invoices/ann", **headers)
    assert server.ask("/orders/ann", **headers)
    assert server.ask("/rows/3", **headers) == "row 0\nrow 1\nrow 2\n"
    assert server.ask("/events/3", **headers).count("data") == 3
    assert server.ask("/livez") == server.ask("/readyz") == "ok\n"


@attrs.frozen
class Seen:
    scraped: Counter[str]
    ends: Counter[tuple[str, str]]
    sink: object
    complaints: list[str]
    status: int
    right_status: int


@pytest.fixture(
    scope="module",
    params=[pytest.param(name, marks=[pytest.mark.slow] if name == "autoreload" else []) for name in SERVERS],
)
def seen(request, write_project, start, open_sink, until):
    """What is known of a server that was asked for everything and told to end."""
    project, sink = write_project(PAGE), open_sink()
    server = start(project, command(project, request.param), sink)
    ask_for_all(server, traceparent=f"00-{TRACE_ID}-b7ad6b7169203331-01")
    scraped = server.scrape()
    if request.param == "autoreload":  # the end of the process that serves: at its own, Django kills that
        project.change("orders/views.py")
        until(lambda: server.log.count("Starting development server") == 2, "the reload")
    status = server.end()
    return Seen(scraped, project.ends(), sink, server.complaints(), status, STATUS[request.param])


def test_every_call_is_counted_once(seen):
    """Of sync and async views and of streams, whatever thread or loop the server has them in."""
    assert seen.scraped == Counter(ONCE)


def test_nothing_is_lost_at_the_end(seen):
    """Each call has a line and a span, and the last numbers are sent."""
    assert seen.ends == Counter((name, "ok") for name in ONCE)
    assert seen.sink.tasks() == seen.sink.calls() == Counter(ONCE)


def test_every_call_has_a_span_below_that_of_its_request(seen):
    """The trace is the one that the request came with."""
    requests = {span.id for span in seen.sink.spans if span.name.startswith("GET")}
    of_tasks = [span for span in seen.sink.spans if span.scope == "pegboard"]
    assert {(span.trace_id, span.parent_id in requests) for span in of_tasks} == {(TRACE_ID, True)}


def test_the_server_ends_in_its_own_way(seen):
    """With its own status; that of `install_sigterm` where the page calls it and the server does nothing."""
    assert seen.status == seen.right_status


def test_nothing_is_said(seen):
    """No warning, no error."""
    assert seen.complaints == []


def test_a_command_loses_nothing(write_project, start, open_sink):
    """It ends the session with itself."""
    project, sink = write_project(PAGE), open_sink()
    job = start(project, project.command("python manage.py report", serves=False), sink, answers=False)
    assert job.end(None) == 0
    assert "an invoice for bob" in job.log
    assert project.ends() == {("invoice", "ok"): 2}
    assert sink.tasks()["invoice"] == sink.calls()["invoice"] == 2


@pytest.mark.parametrize(
    "name", ["runserver", "sync"]
)  # gthread waits for itself if it was about to take a request
def test_ctrl_c_loses_nothing(write_project, start, open_sink, name):
    """As SIGTERM."""
    project, sink = write_project(PAGE), open_sink()
    server = start(project, command(project, name), sink)
    ask_for_all(server)
    assert server.end(signal.SIGINT) == 0
    assert server.complaints() == [] or name == "sync"  # which complains where it cuts off the last answer
    assert project.ends() == Counter((name, "ok") for name in ONCE)
    assert sink.tasks() == sink.calls() == Counter(ONCE)


def test_without_installing_a_warning_says_so(write_project, start):
    """The threads of the server do not see the session that `ready()` entered."""
    project = write_project(PAGE, {"session.install()": "session.__enter__()"})
    server = start(project, command(project, "runserver"))
    ask_for_all(server)
    assert server.scrape() == {}
    server.end()
    for name in ONCE:
        assert f"task '{name}' is called in thread" in server.log


@pytest.mark.slow
def test_a_session_that_was_installed_before_the_workers_were_forked_goes_on_in_each(
    write_project, start, open_sink
):
    """And those that are ended for having answered enough lose nothing."""
    project, sink = write_project(PAGE), open_sink()
    words = ["3" if word == "1000" else word for word in command(project, "preload")]
    server = start(project, words, sink)
    for _ in range(10):
        server.ask_patiently("/invoices/ann")
    assert server.end() == 0
    assert server.complaints() == []
    assert project.ends() == {("invoice", "ok"): 10}
    assert len({span.instance for span in sink.spans}) > 2
    assert sink.tasks() == sink.calls() == {"invoice": 10}
