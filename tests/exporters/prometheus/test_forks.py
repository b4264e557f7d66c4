"""Children that are forked while an endpoint is open."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from pegboard import Session

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="nothing forks there")

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


def in_child(work):
    """Fork, and return what a function returned in the child, as text."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(writer, repr(work()).encode())
        except BaseException as error:  # noqa: BLE001 - it has nobody else to tell
            os.write(writer, repr(error).encode())
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as file:
        told = file.read()
    os.waitpid(child, 0)
    return told


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


def test_a_child_holds_nothing_of_the_endpoint(session, prometheus, ask, connect):
    """Neither its port nor the connections of its clients, whatever the child does with its copy of the session."""
    port = prometheus.port
    silent = connect(port)
    assert ask(port).status == 200
    ours_and_a_pipe = len(descriptors()) + 2
    assert (
        int(in_child(lambda: len(descriptors()))) <= ours_and_a_pipe - 4
    )  # two of a pair, a listener, a selector
    assert in_child(lambda: session.__exit__(None, None, None)) == "None"
    assert ask(port).status == 200
    silent.settimeout(0.01)
    with pytest.raises(TimeoutError):
        silent.recv(1)


def test_a_child_serves_its_own_numbers_in_a_mounted_app(session, prometheus):
    """Also when the parent's page was being written at that moment."""
    environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/", "HTTP_HOST": "localhost"}
    told = in_child(lambda: b"".join(prometheus.wsgi_app()(environ, lambda status, headers: None)))
    assert "pegboard_task_active" in told


def test_an_endpoint_that_a_child_opens_is_its_own(metrics, prometheus, ask):
    """With the exporter that it has from its parent: on a port of its own, until its own session ends."""

    def child():
        with Session(metrics, prometheus, inherit=False):
            own = prometheus.port
            status = ask(own).status
        return own != port, status, listens(own)

    with Session(metrics, prometheus, inherit=False):
        port = prometheus.port
        assert in_child(child) == "(True, 200, False)"
        assert ask(port).status == 200
