"""Children that are forked while an endpoint is open."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families as parse

from pegboard import Session, task
from pegboard_prometheus import Prometheus, PushGateway, Textfile

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="nothing forks there"),
    pytest.mark.usefixtures("pegboard_isolated"),
]

DEFAULT = """
import os, sys, urllib.request
from pegboard import task
from pegboard.sessions.default import DEFAULT

@task
def work(): return 1

work()
url = DEFAULT.get().plugins["prometheus"].url
child = os.fork()
if child == 0:
    sys.exit(0)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), urllib.request.urlopen(url, timeout=20).status)
"""
CONFIGURATION = """
plugins = ["metrics", "prometheus"]
[settings.prometheus]
port = 0
"""


@task
def work():
    """Do nothing."""


@pytest.fixture
def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def calls_of(samples):
    """How many calls of `work` a page tells."""
    return sum(
        sample.value
        for (name, *labels), sample in samples.items()
        if name == "pegboard_task_duration_seconds_count" and ("pegboard_task_name", "work") in labels
    )


def descriptors():
    return list(Path("/dev/fd").iterdir())


def listens(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_a_child_of_the_default_session_that_exits_ends_no_endpoint(tmp_path):
    """Its exit runs what its parent has registered for the end of the process."""
    (tmp_path / "pegboard.toml").write_text(CONFIGURATION)
    done = subprocess.run(
        [sys.executable, "-W", "ignore:This process:DeprecationWarning", "-c", DEFAULT],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.stdout, done.stderr) == ("0 200\n", "")


def test_a_child_holds_nothing_of_the_endpoint(session, prometheus, ask, connect, in_child):
    """Neither its port nor the connections of its clients, whatever the child does with its copy of the session."""
    port = prometheus.port
    silent = connect(port)
    assert ask(port).status == 200
    ours_and_a_pipe = len(descriptors()) + 2
    # Two of a pair, a listener, a selector.
    assert in_child(lambda: len(descriptors())) <= ours_and_a_pipe - 4
    assert in_child(lambda: session.__exit__(None, None, None)) is None
    assert ask(port).status == 200
    silent.settimeout(0.01)
    with pytest.raises(TimeoutError):
        silent.recv(1)


def test_a_child_serves_its_own_numbers_in_a_mounted_app(session, prometheus, in_child):
    """Also when the parent's page was being written at that moment."""
    environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/", "HTTP_HOST": "localhost"}
    told = in_child(lambda: b"".join(prometheus.wsgi_app()(environ, lambda status, headers: None)).decode())
    assert "pegboard_task_active" in told


def test_an_endpoint_that_a_child_opens_is_its_own(metrics, prometheus, ask, in_child):
    """With the exporter that it has from its parent: on a port of its own, until its own session ends."""

    def child():
        with Session(metrics, prometheus, inherit=False):
            own = prometheus.port
            status = ask(own).status
        return [own != port, status, listens(own)]

    with Session(metrics, prometheus, inherit=False):
        port = prometheus.port
        assert in_child(child) == [True, 200, False]
        assert ask(port).status == 200


def test_a_child_of_an_installed_session_leaves_the_port_to_its_parent(
    metrics, free_port, ask, in_child, caplog
):
    """It says so at its first call, once and with a way out; the parent's endpoint answers, and frees the port at its end."""
    prometheus = Prometheus(free_port)
    session = Session(metrics, prometheus, quiet=True).install()

    def child():
        before = [*caplog.messages]
        work()
        work()
        return [before, caplog.messages, calls_of(ask(free_port).samples())]

    work()
    before, said, calls = in_child(child)
    assert (before, calls) == ([], 1)  # the parent's, as the parent answers
    assert len(said) == 1
    assert (
        f"- Prometheus(port={free_port}): the parent listens there, so nobody scrapes this process. Send its"
        in said[0]
    )
    assert ask(free_port).status == 200
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:  # outlives the endpoint
        os.close(writer)
        os.read(reader, 1)
        os._exit(0)
    session.uninstall()
    assert not listens(free_port)
    with Session(metrics, Prometheus(free_port), inherit=False):
        assert ask(free_port).status == 200
    os.close(writer)
    os.waitpid(child, 0)


def test_a_child_whose_port_may_be_any_has_an_endpoint_of_its_own(metrics, ask, in_child, caplog):
    """With its own numbers, until its session ends; there is nothing to say."""
    prometheus = Prometheus(0)
    session = Session(metrics, prometheus, quiet=True).install()
    port = prometheus.port
    work()

    def child():
        work()
        own = prometheus.port
        calls = calls_of(ask(own).samples())
        session.uninstall()
        return [own != port, calls, listens(own), caplog.messages]

    work()
    assert in_child(child) == [True, 1, False, []]
    assert calls_of(ask(port).samples()) == 2
    session.uninstall()


def test_an_app_in_a_child_serves_the_childs_numbers(metrics, in_child):
    """As in a prefork server, whose application was loaded before."""
    prometheus = Prometheus(None)
    session = Session(metrics, prometheus, quiet=True).install()
    environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/", "HTTP_HOST": "localhost"}

    def calls():
        page = b"".join(prometheus.wsgi_app()(environ, lambda status, headers: None)).decode()
        found = parse(page)
        return sum(
            s.value for f in found for s in f.samples if s.name == "pegboard_task_duration_seconds_count"
        )

    work()
    work()
    assert in_child(lambda: [work(), calls()]) == [None, 1]
    assert calls() == 2
    session.uninstall()


def test_files_and_pushes_are_the_parents(metrics, tmp_path, in_child, caplog):
    """A child writes and pushes nothing, and says so once; it is the parent's file alone that is written."""
    path = tmp_path / "job.prom"
    plugins = Textfile(path), PushGateway("127.0.0.1:1", "job", timeout=0.5)
    session = Session(metrics, *plugins, quiet=True).install()

    def child():
        work()
        said = [*caplog.messages]
        session.uninstall()
        return [said, caplog.messages[1:], path.exists()]

    said, at_the_end, exists = in_child(child)
    assert [line for line in said[0].splitlines() if line.startswith("- ")] == [
        "- PushGateway('http://127.0.0.1:1/metrics/job/job'): the parent pushes, and what this process measures is not among it",
        f"- Textfile({str(path)!r}): the parent writes that file, and what this process measures is not in it",
    ]
    assert (at_the_end, exists) == ([], False)
    session.uninstall()
    assert path.exists()
