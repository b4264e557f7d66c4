"""One running worker, as seen from the process that started it."""

from __future__ import annotations

import os
import select
import signal
import socket
import subprocess
import sys
import time
from multiprocessing.process import current_process
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pegboard_processes.pool.process import take_path
from pegboard_processes.pool.starting import start
from pegboard_processes.wire.pickling import dumps
from pegboard_processes.wire.progress import Progress, shared_memory

if TYPE_CHECKING:
    from pegboard_processes.pool.starting import StartMethod

_GOODBYE_SECONDS = 10.0


class Worker:
    """A running worker process, and the connection to it.

    Attributes:
        pid: Its process id.
        progress: What it shares with us.
    """

    def __init__(self, method: StartMethod) -> None:
        memory = shared_memory()
        try:
            self.progress = Progress(memory)
            try:
                self._child, self._connection = start(method, memory)
            except BaseException:
                self.progress.close()
                raise
        finally:
            os.close(memory)
        self._process: int | None = None
        self._path = list(sys.path)
        self.pid = 0
        try:
            self._connection.send_bytes(dumps(_surroundings()))
            self.pid = int.from_bytes(self._connection.recv_bytes(), "big")
            self._process = _descriptor_of(self.pid)
        except BaseException:
            self.close()
            raise
        self._poll = select.poll()
        self._poll.register(self._connection.fileno(), select.POLLIN)
        if self._process is not None:
            self._poll.register(self._process, select.POLLIN)

    @property
    def is_gone(self) -> bool:
        """Whether it ended since its last answer, or was about to."""
        return self.progress.leaving or bool(self._poll.poll(0))

    def send(self, number: int, payload: bytes) -> None:
        """Have it run something.

        Raises:
            OSError: It is gone.
        """
        if self._path != sys.path:
            self._path = list(sys.path)
            self._tell(0, dumps((take_path, (self._path,), {})))
            self.receive()
        self._tell(number, payload)

    def _tell(self, number: int, payload: bytes) -> None:
        self.progress.unpack()
        self.progress.asked = number
        self._connection.send_bytes(payload)

    def receive(self, seconds: float | None = None, until: float | None = None) -> bytes | None:
        """Wait for the answer; None when its time is up.

        Args:
            seconds: How long the function may take, from where it begins.
            until: When everything has to be over, on the monotonic clock.

        Raises:
            EOFError, OSError: It ended without one.
        """
        while not (ready := self._poll.poll(_milliseconds(left := self._left(seconds, until)))):
            if left is not None and left <= 0:
                return None
        if all(descriptor == self._process for descriptor, _ in ready) and not self._connection.poll(0):
            raise EOFError  # its process ended, and something that it started keeps the connection open
        return self._connection.recv_bytes()

    def _left(self, seconds: float | None, until: float | None) -> float | None:
        """How long the answer is waited for, before it is looked again whether the function has begun."""
        now = time.perf_counter()
        left = None if until is None else until - now
        if seconds is not None:
            since = self.progress.since or now
            left = since + seconds - now if left is None else min(left, since + seconds - now)
        return left

    def kill(self) -> None:
        """End it at once, whatever it does; whoever waits for an answer is told."""
        if self.pid:
            try:
                os.kill(self.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self._shut(socket.SHUT_RDWR)

    def dismiss(self) -> None:
        """Have it end by itself, exporters' last words included."""
        self._shut(socket.SHUT_WR)

    def _shut(self, how: int) -> None:
        try:
            # No copy of it: there may be no descriptor left.
            end = socket.socket(fileno=self._connection.fileno())
        except OSError:  # closed
            return
        try:
            end.shutdown(how)
        except OSError:  # gone by itself
            pass
        finally:
            end.detach()

    def close(self) -> None:
        """Have it end by itself, and wait for that; kill it if it does not."""
        self.dismiss()
        try:
            ended = self._connection.poll(_GOODBYE_SECONDS)
        except OSError:
            ended = True
        if not ended:
            self.kill()
        self._connection.close()
        self.progress.close()
        self._reap()
        if self._process is not None:
            os.close(self._process)
            self._process = None

    def _reap(self) -> None:
        """Wait until its process is gone: a child of ours, or of the server."""
        if isinstance(self._child, subprocess.Popen):
            _wait_for(self._child)
        elif self._child is not None:
            try:
                os.waitpid(self._child, 0)
            except ChildProcessError:  # this program has the kernel take its dead away
                pass
        elif self.pid:
            _wait_for_gone(self.pid)


def _milliseconds(seconds: float | None) -> float | None:
    return None if seconds is None else max(seconds, 0.0) * 1000 + 1  # what is less than one would not wait


def _wait_for(child: subprocess.Popen[bytes]) -> None:
    try:
        child.wait(_GOODBYE_SECONDS)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


def _wait_for_gone(pid: int) -> None:
    """Wait, for a second at most, until a process that closed its connection is no more."""
    for _ in range(1000):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return
        time.sleep(0.001)


def _descriptor_of(pid: int) -> int | None:
    """Open what tells of the end of a process, where the system has that."""
    if not hasattr(os, "pidfd_open"):
        return None
    try:
        return os.pidfd_open(pid)
    except OSError:  # an old kernel, or it ended: the connection tells
        return None


def _folder() -> str:
    try:
        return str(Path.cwd())
    except OSError:  # removed under our feet: workers stay where they are
        return ""


def _surroundings() -> dict[str, Any]:
    return {
        "path": list(sys.path),
        "argv": list(sys.argv),
        "environ": dict(os.environ),
        "cwd": _folder(),
        "ignores_interrupts": signal.getsignal(signal.SIGINT) is signal.SIG_IGN,
        "authkey": bytes(current_process().authkey),
    }
