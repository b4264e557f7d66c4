"""What runs in a worker process, and in the server that forks workers."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import sys
import threading
import time
from contextvars import Context, copy_context
from multiprocessing.connection import Connection
from multiprocessing.process import current_process
from types import FrameType
from typing import Any

from pegboard_processes.wire.errors import pack
from pegboard_processes.wire.pickling import dumps, loads
from pegboard_processes.wire.progress import HERE, Progress
from pegboard_processes.worker.entry import load


class _Leave(BaseException):
    """Raised by SIGTERM in a worker that waits for work."""


class _Signals:
    """SIGTERM lets the item at work end, and sends what is done home; SIGINT is the parent's to answer.

    It has a handler that does nothing, and is not ignored: that would go on in the programs that a function starts.
    """

    def __init__(self) -> None:
        self.idle = False

    def came(self) -> bool:
        """Whether SIGTERM did."""
        return HERE.leaving

    def install(self) -> None:
        signal.signal(signal.SIGINT, self._leave_to_parent)
        signal.siginterrupt(signal.SIGINT, False)
        signal.signal(signal.SIGTERM, self._leave)

    def _leave_to_parent(self, number: int, frame: FrameType | None) -> None:
        """Do nothing."""

    def _leave(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002 - the signature of a handler
        HERE.leaving = True
        if self.idle:
            raise _Leave


def serve(descriptor: int, memory: int) -> None:
    """Work until the other side closes the connection."""
    signals = _Signals()
    signals.install()
    HERE.progress = Progress(memory)
    os.close(memory)
    os.set_inheritable(descriptor, False)  # what a function starts must not keep it open
    preload()
    with Connection(descriptor) as connection:
        try:
            take_over(loads(connection.recv_bytes()))
            connection.send_bytes(os.getpid().to_bytes(8, "big"))
            end_with(connection.fileno())
            _answer_all(connection, signals)
        except (EOFError, ConnectionError, _Leave):  # nobody wants anything any more
            pass
        finally:
            signals.idle = False
            _end()


def _answer_all(connection: Connection, signals: _Signals) -> None:
    progress = HERE.progress
    while not signals.came():
        signals.idle = True
        message = connection.recv_bytes()
        signals.idle = False
        if signals.came():  # whoever sent it sees that it was not begun
            return
        progress.unpack()
        HERE.parcel = progress.asked
        answer = run_bytes(message)
        del message
        progress.leaving = HERE.leaving
        connection.send_bytes(answer)
        del answer


def take_over(surroundings: dict[str, Any]) -> None:
    """Take over what the parent is at this moment: it may have changed since a fork server began."""
    sys.path[:] = surroundings["path"]
    sys.argv[:] = surroundings["argv"]
    os.environ.clear()
    os.environ.update(surroundings["environ"])
    if surroundings["ignores_interrupts"]:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    current_process().authkey = surroundings["authkey"]  # with which a manager of the parent's is reached
    with contextlib.suppress(OSError):  # gone, or not ours to enter: nothing may need it
        os.chdir(surroundings["cwd"])


def take_path(path: list[str]) -> None:
    """Look for modules where the parent does."""
    sys.path[:] = path


def _end() -> None:
    for end in HERE.at_end:
        end()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError, AttributeError):  # closed at the other end, or none
            stream.flush()


def become_worker(descriptor: int, memory: int) -> None:
    """Work, and end this process, which was forked, without going back to what its parent does."""
    code = 1
    try:
        _close_stdin()
        Context().run(serve, descriptor, memory)
        code = 0
    except BaseException:  # noqa: BLE001 - it may not leave this frame
        sys.excepthook(*sys.exc_info())
    finally:
        os._exit(code)


def _close_stdin() -> None:
    with contextlib.suppress(OSError):
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        os.close(nothing)


def preload() -> None:
    """Import what every function needs, while modules are not yet looked for where the parent looks for them."""
    load()
    with contextlib.suppress(ImportError):
        import cloudpickle  # type: ignore[import-untyped]  # noqa: F401


def serve_forks(descriptor: int) -> None:
    """Fork a worker for each pair of descriptors that arrives, until the other side closes."""
    preload()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the kernel takes the dead away
    with socket.socket(fileno=descriptor) as server:
        while True:
            try:
                message, received, _, _ = socket.recv_fds(server, 1, 2)
            except OSError:
                break
            if not message:
                break
            with contextlib.suppress(
                OSError
            ):  # no process or no memory is left: whoever waits sees that nobody came
                if os.fork() == 0:
                    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                    server.close()
                    become_worker(received[0], received[1])
            for each in received:
                os.close(each)
    os._exit(0)  # nothing here has a last word


_GRACE_SECONDS = 0.5


def end_with(descriptor: int) -> None:
    """End this process when the other side of a connection is gone: after the item at work, or half a second."""
    threading.Thread(target=_watch, args=(descriptor,), name="pegboard-parent", daemon=True).start()


def _watch(descriptor: int) -> None:
    poll = select.poll()
    poll.register(descriptor, 0)  # told of its end, not of what arrives
    poll.poll()
    HERE.leaving = True
    time.sleep(_GRACE_SECONDS)
    os._exit(1)


def run_bytes(payload: bytes) -> bytes:
    """Run a pickled `(function, args, kwargs)` and return the pickled result; for `Executor.submit`."""
    try:
        function, args, kwargs = loads(payload)
        HERE.progress.work()
        value = copy_context().run(function, *args, **kwargs)
        HERE.progress.pack()
        return dumps((True, value))
    except BaseException as error:  # noqa: BLE001 - raised at home
        return dumps((False, pack(error, sensitive=False)))
