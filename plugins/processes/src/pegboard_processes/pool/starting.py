"""Starting worker processes: by a server that forks them, by a new interpreter, or by forking this one.

None of them imports the main script, so a script needs no guard around what it does.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import weakref
from collections.abc import Sequence
from multiprocessing.connection import Connection
from typing import Literal, get_args

from pegboard.errors import ConfigError
from pegboard.parts import after_fork, checks, new_lock
from pegboard.sessions.serving import goes_on

StartMethod = Literal["forkserver", "spawn", "fork"]
START_METHODS: tuple[StartMethod, ...] = get_args(StartMethod)
Child = subprocess.Popen[bytes] | int | None


def start(method: StartMethod, memory: int) -> tuple[Child, Connection]:
    """Start a worker, and return our child, or None where it is the server's, and our end of the connection."""
    if method == "fork":
        return _FORKS.start(memory)
    ours, theirs = _pair()
    try:
        with theirs:
            if method == "spawn":
                return _interpreter("serve", (theirs.fileno(), memory)), ours
            FORK_SERVER.fork(theirs.fileno(), memory)
            return None, ours
    except BaseException:
        ours.close()
        raise


def _pair() -> tuple[Connection, socket.socket]:
    ours, theirs = socket.socketpair()
    return Connection(ours.detach()), theirs


def _interpreter(entry: str, descriptors: Sequence[int]) -> subprocess.Popen[bytes]:
    """Start a new interpreter that calls a function of `pool.process` with inherited descriptors.

    Until it takes over the path on which modules are looked for here, the standard library comes first, and the current folder
    not at all (`-P`): no file that is there by chance runs in place of a module that we need.
    """
    library = os.path.dirname(os.__file__)  # noqa: PTH120 - no reason to load pathlib
    path = [library, os.path.join(library, "lib-dynload"), *sys.path]  # noqa: PTH118
    code = (
        f"import sys; sys.path[:0] = {path[:2]!r}; sys.path += {path[2:]!r}; "
        f"import signal; signal.signal(signal.SIGINT, signal.SIG_IGN); "
        f"from pegboard_processes.pool.process import {entry}; {entry}({', '.join(map(str, descriptors))})"
    )
    flags: list[str] = subprocess._args_from_interpreter_flags()  # type: ignore[attr-defined]  # noqa: SLF001
    return subprocess.Popen(  # noqa: S603 - our own interpreter
        [sys.executable, *flags, "-P", "-c", code],
        stdin=subprocess.DEVNULL,
        pass_fds=tuple(descriptors),
    )


class _Forks:
    """Forks this process, so that a worker keeps no connection of another one open."""

    def __init__(self) -> None:
        self._guard = new_lock()
        self._ours: weakref.WeakSet[Connection] = weakref.WeakSet()

    def start(self, memory: int) -> tuple[int, Connection]:
        """Start a worker. One at a time: what another thread has half opened would be kept open by this one's."""
        import warnings

        with self._guard, warnings.catch_warnings():
            # Of threads: the child runs none of their code.
            warnings.simplefilter("ignore", DeprecationWarning)
            ours, theirs = _pair()
            self._ours.add(ours)
            with theirs:
                token = goes_on.set(False)
                try:
                    pid = os.fork()
                except BaseException:
                    ours.close()
                    raise
                finally:
                    goes_on.reset(token)
                if pid == 0:
                    self._become_worker(theirs.detach(), memory)
        return pid, ours

    def _become_worker(self, descriptor: int, memory: int) -> None:
        from pegboard_processes.pool.process import become_worker

        for each in list(self._ours):
            each.close()
        self.forget()
        become_worker(descriptor, memory)

    def forget(self) -> None:
        """Begin anew, in a process that was forked."""
        self._guard = new_lock()
        self._ours = weakref.WeakSet()


class ForkServer:
    """The server that forks workers: one for this process, running while an executor needs it."""

    def __init__(self) -> None:
        self._guard = new_lock()
        self._socket: socket.socket | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._users = 0

    def hold(self) -> None:
        """Keep the server, once it runs, until `release`."""
        with self._guard:
            self._users += 1

    def release(self) -> None:
        """End the server, if nobody else holds it."""
        with self._guard:
            self._users -= 1
            if self._users == 0:
                self._end()

    def fork(self, descriptor: int, memory: int) -> None:
        """Have a worker forked, which gets these descriptors."""
        with self._guard:
            try:
                self._send(descriptor, memory)
            except OSError:  # somebody ended it
                self._end()
                self._send(descriptor, memory)

    def forget(self) -> None:
        """Let go of the server, in a process that was forked: it is the parent's."""
        process, self._process = self._process, None
        if process is not None:
            process.returncode = 0  # not ours to wait for
        if self._socket is not None:
            self._socket.close()
        self.__init__()  # type: ignore[misc]

    def _end(self) -> None:
        if self._socket is not None:
            self._socket.close()
        if self._process is not None:
            self._process.wait()
        self._socket = self._process = None

    def _send(self, descriptor: int, memory: int) -> None:
        if self._socket is None:
            ours, theirs = socket.socketpair()
            try:
                with theirs:
                    self._process = _interpreter("serve_forks", (theirs.fileno(),))
            except BaseException:
                ours.close()
                raise
            self._socket = ours
        socket.send_fds(self._socket, [b"w"], [descriptor, memory])


FORK_SERVER = ForkServer()
_FORKS = _Forks()
after_fork(FORK_SERVER.forget)


def checked_method(method: object) -> StartMethod:
    """Return a start method that this system has, the default for None.

    Raises:
        ConfigError: It has none such.
    """
    if os.name != "posix" or not hasattr(os, "fork"):
        raise ConfigError(
            "worker processes need fork or the passing of file descriptors, which this system does not have.\n"
            "Use executor='threads', or any concurrent.futures.Executor of your own.",
            where="executor",
            key="processes",
        )
    if method is None:
        return "forkserver"
    for known in START_METHODS:
        if method == known:
            return known
    raise ConfigError(
        f"start_method={checks.shown(method)} is none of {', '.join(START_METHODS)}.",
        where="Processes",
        key="start_method",
    )
