"""FastAPI and Starlette under uvicorn: whatever a request calls is served by the session of the lifespan."""

from __future__ import annotations

import http.client
import signal
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import attrs
import pytest

PAGE = "fastapi-and-starlette.md"
LIFESPAN = "    async with session.install():\n        yield\n"
FUNCTIONS = "    session.install()\n    yield\n    await asyncio.to_thread(session.uninstall)\n"
BLOCKING = "    session.install()\n    yield\n    session.uninstall()\n"
APPS = {
    "fastapi": ("fast:app", {}),
    "starlette": ("star:app", {}),
    "two-functions": ("fast:app", {LIFESPAN: FUNCTIONS}),
    "blocking": ("fast:app", {LIFESPAN: BLOCKING}),
}
ONCE = ("customer", "order", "mail", "invoice", "rows", "events")
TRACE_ID = "0af7651916cd43dd8448eb211c80319c"
BARE = """
async def app(scope, receive, send):
    while scope["type"] == "lifespan":
        message = await receive()
        await send({"type": message["type"] + ".complete"})
        if message["type"] == "lifespan.shutdown":
            return
"""


def command(project, app="fast:app", *more):
    """The command of the page, for an app of it and a port that is free."""
    words = ["{port}" if word == "8000" else word for word in project.command("uvicorn fast:app --port")]
    return [word.replace("fast:app", app) for word in words] + list(more)


def ask_for_all(server, **headers):
    """Ask for everything the application has, once."""
    assert server.ask("/orders/ann", **headers)
    assert server.ask("/invoices/ann", **headers)
    assert server.ask("/rows/3", **headers) == "row 0\nrow 1\nrow 2\n"
    assert server.ask("/events/3", **headers).count("data") == 3
    assert server.ask("/livez") == server.ask("/readyz") == "ok\n"


def read_while_it_ends(server, path, number=signal.SIGTERM):
    """Begin to read a stream, have the server end, and return all that was read."""
    with closing(server.connect()) as connection:
        connection.request("GET", path)
        with connection.getresponse() as answer:
            begin = answer.read(8)
            server.process.send_signal(number)
            return (begin + answer.read()).decode()


@attrs.frozen
class Seen:
    scraped: Counter[str]
    ends: Counter[tuple[str, str]]
    streamed: str
    sink: object
    complaints: list[str]


@pytest.fixture(scope="module", params=APPS)
def seen(request, write_project, start, open_sink, until):
    """What is known of a server that was asked for everything, and was told to end while it streamed."""
    app, change = APPS[request.param]
    project, sink = write_project(PAGE, change), open_sink()
    server = start(project, command(project, app), sink)
    ask_for_all(server, traceparent=f"00-{TRACE_ID}-b7ad6b7169203331-01")
    scraped = until(lambda: (page := server.scrape())["mail"] and page)  # after the answer: in the background
    streamed = read_while_it_ends(server, "/events/30")
    server.end()
    return Seen(scraped, project.ends(), streamed, sink, server.complaints())


def test_every_call_is_counted_once(seen):
    """Of endpoints, dependencies, background tasks and streams, sync and async; the page of metrics is at its path."""
    assert seen.scraped == Counter(ONCE)


def test_the_last_numbers_are_sent(seen):
    """With those of the stream that was going on when the server was told to end."""
    assert seen.sink.calls() == Counter([*ONCE, "events"])


def test_every_call_has_a_line(seen):
    """Nothing is lost at the end."""
    assert seen.ends == Counter((name, "ok") for name in (*ONCE, "events"))


def test_every_call_has_a_span_below_that_of_its_request(seen):
    """Those of the background included; the trace is the one that the request came with."""
    assert seen.sink.tasks() == Counter([*ONCE, "events"])
    requests = {span.id: span for span in seen.sink.spans if span.name.startswith(("GET", "Background"))}
    of_tasks = [span for span in seen.sink.spans if span.scope == "pegboard"]
    assert all(span.parent_id in requests for span in of_tasks)
    assert Counter(span.trace_id == TRACE_ID for span in of_tasks) == {True: len(ONCE), False: 1}


def test_a_stream_goes_on_to_its_end(seen):
    """Though the server was told to end meanwhile."""
    assert seen.streamed.count("data") == 30


def test_nothing_is_said(seen):
    """No warning, no error."""
    assert seen.complaints == []


def test_without_installing_a_warning_says_so(write_project, start):
    """The requests' contexts do not see the session that the lifespan entered; nothing is silent."""
    project = write_project(PAGE, {"session.install()": "session"})
    server = start(project, command(project))
    ask_for_all(server)
    assert server.scrape() == {}
    server.end()
    for name in ONCE:
        assert f"task '{name}' is called in thread" in server.log
    assert "session.install()" in server.log


TASKS_THEMSELVES = """
import asyncio
from fastapi import BackgroundTasks, Depends, FastAPI
from pegboard import task
from shop import lifespan, prometheus

app = FastAPI(lifespan=lifespan)
app.mount("/metrics", prometheus.asgi_app())

@task
def plain(n: int): return n

@task
async def coroutine(n: int): return n

@task
def generator(n: int): yield n

@task
async def async_generator(n: int): yield n

@task
def background(): pass

@task
async def async_background(): await asyncio.sleep(0)

class Orders:
    @task
    def method(self, n: int): return n

app.get("/methods/{n}")(Orders().method)

@app.get("/functions/{n}")
@task
def function(n: int, a=Depends(plain), b=Depends(coroutine), c=Depends(generator), d=Depends(async_generator)):
    return n + a + b + c + d

@app.get("/background")
@task
async def endpoint(tasks: BackgroundTasks):
    tasks.add_task(background)
    tasks.add_task(async_background)
"""


def test_tasks_may_be_what_fastapi_calls_itself(write_project, start):
    """Endpoints, dependencies and work in the background, of every kind."""
    project = write_project(PAGE)
    (project.folder / "itself.py").write_text(TASKS_THEMSELVES)
    server = start(project, command(project, "itself:app"))
    assert (server.ask("/methods/3"), server.ask("/functions/3")) == ("3", "15")
    server.ask("/background")
    server.end()
    names = ["plain", "coroutine", "generator", "async_generator", "background", "async_background"]
    names += ["Orders.method", "function", "endpoint"]
    assert project.ends() == Counter((name, "ok") for name in names)


DRAINING = """
    from pegboard import hookimpl, install_sigterm

    class Tell:
        name = "tell"

        @hookimpl
        def session_draining(self, session):
            print("drains")

    install_sigterm()
    session.register(Tell())
    async with session.install():
"""


def test_the_session_drains_at_sigterm_where_the_lifespan_asks_for_it(write_project, start):
    """And the server stays in charge of the end."""
    project = write_project(PAGE, {"\n    async with session.install():\n": DRAINING})
    server = start(project, command(project))
    assert server.end() == -signal.SIGTERM
    assert "drains" in server.log
    assert server.complaints() == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["sigterm", "sigint"])
def test_the_server_ends_as_it_does_without(write_project, start, number):
    """With its own status, whatever that is in this version."""
    project = write_project(PAGE)
    (project.folder / "bare.py").write_text(BARE)
    servers = [start(project, command(project, app)) for app in ("fast:app", "bare:app")]
    ours, own = (server.end(number) for server in servers)
    assert ours == own


@pytest.mark.slow
def test_workers_count_and_trace_what_they_answer(write_project, start, open_sink, until):
    """Each by itself: what they send adds up."""
    project, sink = write_project(PAGE), open_sink()
    server = start(
        project, ["{port}" if w == "8000" else w for w in project.command("uvicorn fast:app --workers")], sink
    )
    asked = []

    def ask_many():
        with ThreadPoolExecutor(8) as pool:
            asked.extend(pool.map(server.ask, ["/invoices/ann"] * 16))
        return len({span.instance for span in sink.spans}) == 2

    until(ask_many, "answers of both workers")
    server.end()
    assert sink.tasks() == sink.calls() == {"invoice": len(asked)}
    assert project.ends() == {("invoice", "ok"): len(asked)}


@pytest.mark.slow
def test_a_reload_loses_nothing(write_project, start, open_sink, until):
    """The process that goes ends its lifespan, and the one that comes begins its own."""
    project, sink = write_project(PAGE), open_sink()
    server = start(project, command(project, "fast:app", "--reload"), sink)
    server.ask("/invoices/ann")
    project.change("shop.py")
    until(lambda: server.log.count("startup complete") == 2, "the reload")
    server.ask("/invoices/ann")
    server.end()
    assert sink.tasks() == sink.calls() == {"invoice": 2}
    assert project.ends() == {("invoice", "ok"): 2}


@pytest.mark.slow
def test_a_stream_that_the_server_cuts_off_is_over(write_project, start, open_sink):
    """It counts as cancelled, and keeps nobody from ending."""
    project, sink = write_project(PAGE), open_sink()
    server = start(project, command(project, "fast:app", "--timeout-graceful-shutdown", "1"), sink)
    with pytest.raises((OSError, http.client.HTTPException)):
        read_while_it_ends(server, "/events/1000000")
    server.end()
    assert project.ends() == {("events", "cancelled"): 1}
    assert sink.tasks() == sink.calls() == {"events": 1}


@pytest.mark.parametrize("name", ["rows", "events"])
def test_a_stream_whose_client_goes_away_is_over(write_project, start, name):
    """An async one at once, one in threads when the collector finds it: with the server's end at the latest."""
    project = write_project(PAGE)
    server = start(project, command(project))
    with closing(server.connect()) as connection:
        connection.request("GET", f"/{name}/10000000")
        with connection.getresponse() as answer:
            assert answer.read(4)
    server.end()
    assert server.complaints() == []
    assert list(project.ends()) in ([(name, "closed")], [(name, "cancelled")])
