"""What an orchestrator asks, and what it is answered."""

from __future__ import annotations

import asyncio
import socket
import threading

import pytest

from pegboard import ConfigError, Session, hookimpl, task
from pegboard.testing import FakeClock, isolated
from pegboard_prometheus import Prometheus

STUCK = "active for more than 1e-09 s: "


def said(ask, prometheus, path):
    """Status and body of an answer."""
    answer = ask(prometheus.port, path=path)
    return answer.status, answer.body.decode()


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/livez/", "/readyz?verbose"])
def test_all_is_well_in_one_line(scrape, path):
    """And nothing else: whoever asks may be anybody."""
    answer = scrape(path=path)
    assert (answer.status, answer.body) == (200, b"ok\n")
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("path", ["/livez", "/readyz"])
def test_head_has_no_body_and_other_methods_are_refused(scrape, path):
    """As on the page."""
    head = scrape("HEAD", path)
    assert (head.status, head.body, head.headers["Content-Length"]) == (200, b"", "3")
    refused = scrape("POST", path)
    assert (refused.status, refused.headers["Allow"]) == (405, "GET, HEAD")


@pytest.mark.parametrize("path", ["/livez/x", "/x/livez", "/livezz", "/metrics/livez"])
def test_other_paths_are_not_there(scrape, path):
    """The endpoint has three."""
    assert scrape(path=path).status == 404


@pytest.mark.parametrize("path", ["/livez", "/readyz"])
def test_neither_token_nor_name_is_asked_for(metrics, ask, path):
    """A kubelet asks by the address of the pod, and has no token."""
    prometheus = Prometheus(0, token="abc")
    with Session(metrics, prometheus):
        assert ask(prometheus.port, path=path, Host="pod-7.internal").status == 200
        assert ask(prometheus.port, path="/metrics").status == 401


def test_no_host_header_is_needed(prometheus, session, connect):
    """As probes of HTTP/1.1 that have none, or two."""
    for hosts in (b"", b"Host: a\r\nHost: b\r\n"):
        client = connect(prometheus.port, b"GET /livez HTTP/1.1\r\n" + hosts + b"\r\n")
        assert client.recv(15) == b"HTTP/1.1 200 OK"


def test_a_call_that_is_active_for_too_long_is_counted_and_not_named(metrics, ask):
    """With the calls around it: how many, as names are the business of those who have a token."""
    prometheus = Prometheus(0, stuck_after=1e-9)

    @task
    def inner():
        return said(ask, prometheus, "/livez")

    @task
    def outer():
        return inner()

    with Session(metrics, prometheus):
        assert inner() == (503, STUCK + "1 call\n")
        assert outer() == (503, STUCK + "2 calls\n")
        assert said(ask, prometheus, "/livez") == (200, "ok\n")
        assert said(ask, prometheus, "/readyz") == (200, "ok\n")


@pytest.mark.parametrize("stuck_after", [None, 3600])
def test_a_call_may_take_its_time(metrics, ask, stuck_after):
    """As long as it likes by default."""
    prometheus = Prometheus(0, stuck_after=stuck_after)

    @task
    def look():
        return said(ask, prometheus, "/livez")

    with Session(metrics, prometheus):
        assert look() == (200, "ok\n")


def test_a_stream_and_a_coroutine_are_calls_too(metrics, ask):
    """Of whatever kind."""
    prometheus = Prometheus(0, stuck_after=1e-9)

    @task
    def stream():
        yield said(ask, prometheus, "/livez")

    @task
    async def coroutine():
        return said(ask, prometheus, "/livez")

    with Session(metrics, prometheus):
        assert list(stream()) == [(503, STUCK + "1 call\n")]
        assert asyncio.run(coroutine()) == (503, STUCK + "1 call\n")


def test_a_page_that_is_being_written_holds_no_answer_up(metrics, ask):
    """Nor do those who wait for it: a collector may take its time."""
    prometheus = Prometheus(0, stuck_after=60)
    asked, go_on = threading.Event(), threading.Event()

    class Slow:
        def collect(self):
            asked.set()
            go_on.wait(30)
            return []

    metrics.registry.register(Slow())
    go_on.set()
    with Session(metrics, prometheus):
        asked.clear()
        go_on.clear()
        scraper = threading.Thread(target=ask, args=(prometheus.port,))
        scraper.start()
        assert asked.wait(30)
        assert said(ask, prometheus, "/livez") == (200, "ok\n")
        assert said(ask, prometheus, "/readyz") == (200, "ok\n")
        go_on.set()
        scraper.join()


@pytest.mark.parametrize("stuck_after", [0, -1, float("nan"), "1", True])
def test_a_limit_that_is_none_is_refused(stuck_after):
    """Where it is written."""
    with pytest.raises(ConfigError) as caught:
        Prometheus(0, stuck_after=stuck_after)
    assert caught.value.key == "stuck_after"


def in_loop(session, probe, *, opened):
    """Install a session from a running loop, and probe it in a thread while the loop does nothing else."""

    async def main():
        with session if opened else session.install():
            if opened:
                session.install()
            await asyncio.sleep(0)
            first = await asyncio.to_thread(probe)
            session.clock.advance(11)
            answers = []
            thread = threading.Thread(target=lambda: answers.append(probe()))
            thread.start()
            thread.join()  # the loop stands still
            return [first, *answers]

    with isolated():
        return asyncio.run(main())


@pytest.mark.parametrize("opened", [False, True])
def test_a_loop_that_stands_still_is_told(metrics, prometheus, ask, opened):
    """Of an installed session, whether it was open before or not."""
    session = Session(FakeClock(), metrics, prometheus)
    assert in_loop(session, lambda: said(ask, prometheus, "/livez"), opened=opened) == [
        (200, "ok\n"),
        (503, "blocked for 10 s: 1 event loop\n"),
    ]


def test_a_loop_that_goes_on_is_alive_again(metrics, prometheus, ask):
    """It has turned."""
    clock = FakeClock()

    async def main():
        with Session(clock, metrics, prometheus).install():
            clock.advance(11)
            for _ in range(200):
                found = await asyncio.to_thread(said, ask, prometheus, "/livez")
                if found[0] == 200:
                    break
                await asyncio.sleep(0.05)
            return found

    with isolated():
        assert asyncio.run(main()) == (200, "ok\n")


def test_a_loop_is_found_that_a_session_was_installed_from_later(metrics, prometheus, ask):
    """It was open before the loop ran: from the first question on."""
    clock = FakeClock()
    probe = lambda: said(ask, prometheus, "/livez")  # noqa: E731

    async def main(session):
        session.install()
        first = await asyncio.to_thread(probe)
        await asyncio.sleep(0)
        clock.advance(11)
        thread = threading.Thread(target=lambda: answers.append(probe()))
        thread.start()
        thread.join()
        return first

    answers = []
    with isolated(), Session(clock, metrics, prometheus) as session:
        assert asyncio.run(main(session)) == (200, "ok\n")
        assert answers == [(503, "blocked for 10 s: 1 event loop\n")]
        clock.advance(11)
        assert probe() == (200, "ok\n")  # that loop is over


def test_a_session_that_is_not_installed_has_no_loop_to_watch(metrics, prometheus, ask):
    """It is not the process's."""
    clock = FakeClock()

    async def main():
        with Session(clock, metrics, prometheus):
            await asyncio.sleep(0)
            clock.advance(11)
            answers = []
            thread = threading.Thread(target=lambda: answers.append(said(ask, prometheus, "/livez")))
            thread.start()
            thread.join()
            return answers

    with isolated():
        assert asyncio.run(main()) == [(200, "ok\n")]


def test_a_session_that_drains_is_not_ready(metrics, prometheus, ask):
    """It is alive, and its metrics are still there, to the end."""
    with Session(metrics, prometheus) as session:
        session.drain()
        assert said(ask, prometheus, "/readyz") == (503, "draining\n")
        assert said(ask, prometheus, "/livez") == (200, "ok\n")
        assert ask(prometheus.port).status == 200
    with Session(metrics, prometheus):
        assert said(ask, prometheus, "/readyz") == (200, "ok\n")


def test_an_installed_session_that_drains_makes_the_process_unready(metrics, prometheus, ask):
    """Wherever the exporter is."""
    with isolated(), Session(metrics, prometheus, quiet=True), Session(inherit=False) as other:
        del other
        installed = threading.Thread(target=lambda: Session(name="web").install().drain())
        installed.start()
        installed.join()
        assert said(ask, prometheus, "/readyz") == (503, "draining\n")


def test_it_answers_while_what_runs_goes_on(metrics, prometheus, ask):
    """An uninstalled session is open until its calls are over."""
    begun, go_on = threading.Event(), threading.Event()

    @task
    def work():
        begun.set()
        go_on.wait(30)

    with isolated():
        session = Session(metrics, prometheus).install()
        threads = [threading.Thread(target=work), threading.Thread(target=session.uninstall)]
        threads[0].start()
        assert begun.wait(30)
        session.drain()
        threads[1].start()
        assert said(ask, prometheus, "/readyz") == (503, "draining\n")
        assert said(ask, prometheus, "/livez") == (200, "ok\n")
        go_on.set()
        for thread in threads:
            thread.join(30)
        with pytest.raises(OSError, match="refused"):
            socket.create_connection(("127.0.0.1", prometheus.port))


@pytest.mark.parametrize("attached", ["before", "after"])
def test_it_answers_while_other_plugins_end(metrics, prometheus, ask, attached):
    """As exporters do that send what is left: whatever the order of attachment."""
    answers = []

    class Sends:
        name = "sends"

        @hookimpl
        def session_end(self):
            answers.append(said(ask, prometheus, "/readyz"))

    plugins = [Sends(), metrics, prometheus] if attached == "before" else [metrics, prometheus, Sends()]
    with Session(*plugins) as session:
        session.drain()
    assert answers == [(503, "draining\n")]


def ready(prometheus):
    """Ask an app, which is there before and after its sessions."""
    answers = []
    environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/readyz"}
    (body,) = prometheus.wsgi_app()(environ, lambda status, headers: answers.append(status))
    return int(answers[0][:3]), body.decode()


def test_it_is_ready_once_the_named_session_is_installed(metrics):
    """Not when it is merely open, nor for another one, nor after its end."""
    prometheus = Prometheus(None, ready_when=["web"])
    waits = (503, "not installed: 1 of 1 session\n")
    with isolated():
        assert ready(prometheus) == waits
        Session(name="jobs").install()
        assert ready(prometheus) == waits
        session = Session(metrics, prometheus, name="web")
        with session:
            pass
        assert ready(prometheus) == waits
        session.install(replace=True)
        assert ready(prometheus) == (200, "ok\n")
        session.uninstall()
        assert ready(prometheus) == waits


def test_several_are_waited_for_one_after_another(metrics):
    """One is installed at a time: all have to have been, and the last is."""
    prometheus = Prometheus(None, ready_when=["first", "second"])
    with isolated():
        assert ready(prometheus) == (503, "not installed: 2 of 2 sessions\n")
        Session(name="first").install()
        assert ready(prometheus) == (503, "not installed: 1 of 2 sessions\n")
        Session(metrics, prometheus, name="second").install(replace=True)
        assert ready(prometheus) == (200, "ok\n")


def test_what_ended_draining_is_not_ready_until_another_begins(metrics):
    """An app is asked until its server ends."""
    prometheus = Prometheus(None)
    assert ready(prometheus) == (200, "ok\n")
    with Session(metrics, prometheus) as session:
        session.drain()
    assert ready(prometheus) == (503, "draining\n")
    with Session(metrics, prometheus):
        assert ready(prometheus) == (200, "ok\n")
    assert ready(prometheus) == (200, "ok\n")


@pytest.mark.parametrize("ready_when", [[1], [""], 3, [None]])
def test_what_is_no_name_of_a_session_is_refused(ready_when):
    """Where it is written."""
    with pytest.raises(ConfigError, match="names of sessions") as caught:
        Prometheus(0, ready_when=ready_when)
    assert caught.value.key == "ready_when"


def test_one_name_may_stand_alone():
    """As with hosts."""
    with isolated():
        assert ready(Prometheus(None, ready_when="web")) == (503, "not installed: 1 of 1 session\n")
