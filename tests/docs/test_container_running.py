"""The program of the page on containers, run as its pod runs it, as far as that goes without an engine for containers."""

from __future__ import annotations

import http.client
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

pytestmark = pytest.mark.slow
TOKEN = "Zm9yIGFuIGV4YW1wbGU"
IS_ROOT = os.getuid() == 0
# In a mount namespace of its own, so that the file system of nobody else is changed; without the rights, as it is.
READ_ONLY = ["unshare", "--mount", "sh", "-c", 'mount -o remount,bind,ro / && exec "$@"', "sh"]
USER = [
    "setpriv",
    "--reuid=10001",
    "--regid=10001",
    "--clear-groups",
    "--bounding-set=-all",
    "--no-new-privs",
]


@pytest.fixture(scope="module")
def folder(root: Path) -> Iterator[Path]:
    """What the image has in its working folder, and beside it the mounted token, readable for the group of the user."""
    made = Path(tempfile.mkdtemp(prefix="container-"))
    made.chmod(0o755)
    shutil.copy(root / "docs/examples/container/orders.py", made)
    (made / "token").write_text(f"{TOKEN}\n")
    (made / "token").chmod(stat.S_IRUSR | stat.S_IRGRP)
    if IS_ROOT:
        os.chown(made / "token", 0, 10001)
    yield made
    shutil.rmtree(made)


@pytest.fixture(scope="module")
def port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@pytest.fixture(scope="module")
def variables(root: Path, folder: Path, port: int) -> dict[str, str]:
    """Those of the Deployment and the Dockerfile, but for the port and the path of the token; no HOME."""
    deployment = yaml.safe_load((root / "docs/examples/container/deployment.yaml").read_text())
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    named = {each["name"]: each["value"] for each in container["env"]}
    here = {
        "PEGBOARD_PROMETHEUS__PORT": str(port),
        "PEGBOARD_PROMETHEUS__TOKEN_FILE": str(folder / "token"),
    }
    assert here.keys() <= named.keys()
    image = {"PYTHONDONTWRITEBYTECODE": "1", "PYTHONUNBUFFERED": "1", "PATH": os.environ["PATH"]}
    return named | here | image | {"ORDER_SECONDS": "2", "PEGBOARD_PROMETHEUS_PORT": "tcp://10.0.0.1:9464"}


def as_in_the_pod(*words: str) -> list[str]:
    """What has a command run as the user of the pod, who can write nowhere."""
    if not IS_ROOT:
        return list(words)
    is_allowed = (
        subprocess.run([*READ_ONLY, "true"], capture_output=True, check=False, timeout=30).returncode == 0
    )
    return [*(READ_ONLY if is_allowed else ()), *USER, *words]


@pytest.fixture
def process(folder: Path, variables: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    started = subprocess.Popen(
        as_in_the_pod(sys.executable, "-W", "error", "orders.py"),
        cwd=folder,
        env=variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    with started:
        try:
            yield started
        finally:
            started.kill()


@pytest.fixture
def ask(port: int) -> Callable[..., tuple[int, str]]:
    """Ask the endpoint, as a kubelet or Prometheus does: under the address of the pod."""

    def ask(path: str, **headers: str) -> tuple[int, str]:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        try:
            connection.request("GET", path, headers=headers)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    return ask


def eventually(function: Callable[[], Any], expected: Any) -> None:
    """Wait until a function returns this, and raises no OSError; up to a minute."""
    found: Any = None
    for _ in range(600):
        try:
            found = function()
        except OSError as error:
            found = error
        if found == expected:
            return
        time.sleep(0.1)
    pytest.fail(f"{found!r} instead of {expected!r}")


def test_it_runs_answers_and_ends_as_the_page_says(
    process: subprocess.Popen[str], ask: Callable[..., tuple[int, str]]
) -> None:
    """Ready once the session is installed; metrics for who has the token; draining from SIGTERM on, and 143."""
    eventually(lambda: ask("/readyz"), (200, "ok\n"))
    assert ask("/livez") == (200, "ok\n")
    assert ask("/metrics")[0] == 401
    status, page = ask("/metrics", Authorization=f"Bearer {TOKEN}")
    assert status == 200
    assert 'pegboard_task_active{pegboard_task_name="handle"} 2.0' in page
    process.send_signal(signal.SIGTERM)
    eventually(lambda: ask("/readyz"), (503, "draining\n"))
    assert ask("/livez") == (200, "ok\n")
    said, _ = process.communicate(timeout=60)
    assert (process.returncode, said) == (143, "")


def test_it_has_the_user_of_the_pod_and_can_write_nowhere(folder: Path, variables: dict[str, str]) -> None:
    """Or the other test would say nothing of that; where this is not run by root, the user is another one."""
    program = (
        "import os, pathlib\n"
        "print(os.getuid())\n"
        f"for folder in ('.', '/', '/tmp', {str(Path.home())!r}):\n"
        "    try: pathlib.Path(folder, 'written').touch()\n"
        "    except OSError as error: print(folder)\n"
    )
    done = subprocess.run(
        as_in_the_pod(sys.executable, "-c", program),
        cwd=folder,
        env=variables,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    user, *refused = done.stdout.splitlines()
    assert user == ("10001" if IS_ROOT else str(os.getuid()))
    if IS_ROOT:
        assert refused[:2] == [".", "/"]


def test_doctor_tells_what_is_in_force_there(folder: Path, variables: dict[str, str]) -> None:
    """As the page has it called in a pod; the path of the token is a text."""
    done = subprocess.run(
        as_in_the_pod(str(Path(sys.executable).with_name("pegboard")), "doctor"),
        cwd=folder,
        env=variables,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert f"port = {variables['PEGBOARD_PROMETHEUS__PORT']}  from PEGBOARD_PROMETHEUS__PORT" in done.stdout
    assert "token_file = ***  from PEGBOARD_PROMETHEUS__TOKEN_FILE" in done.stdout
    assert "stuck_after = 600.0  from PEGBOARD_PROMETHEUS__STUCK_AFTER" in done.stdout
