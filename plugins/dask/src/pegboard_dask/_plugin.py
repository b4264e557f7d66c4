"""The plugin: gives sessions an executor called `dask`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pegboard import Session, hookimpl
from pegboard.parts import after_fork, new_lock
from pegboard_dask._settings import File, checked
from pegboard_processes.engine import ProcessPlace, hookspecs

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from distributed import Client, Security

    from pegboard_dask._connection import Connection


class Dask:
    """Runs the functions of tasks on a Dask cluster: `On("dask")` on a task, or `Session(Dask(...), executor="dask")`.

    The cluster is connected to, or started, when a session first needs it. A session ends what it started: the connection, and
    a cluster of its own.

    Args:
        address: Of a scheduler, such as `tcp://host:8786` or `tls://host:8786`. Without one, and without a client, a cluster of
            processes on this machine is started, that listens on loopback only.
        client: A `distributed.Client` of yours, which stays open.
        workers: Processes of the cluster that is started; by default as many as there are processors.
        threads: How many functions each of those runs at once.
        timeout: Seconds until an answer of the scheduler is given up, before and after the work.
        security: As `distributed.Client` takes it: a `Security`; for a cluster of the session's own, True makes certificates for
            it alone.
        ca, cert, key: Paths of PEM files for TLS, in place of `security`: of the authority, and of this side's certificate.

    Raises:
        ConfigError, TypeError, ValueError: Settings that contradict each other or mean nothing.
    """

    name = "dask"
    hookspecs = hookspecs

    def __init__(
        self,
        address: str | None = None,
        *,
        client: Client | None = None,
        workers: int | None = None,
        threads: int = 1,
        timeout: float = 30.0,
        security: Security | bool | None = None,
        ca: File | None = None,
        cert: File | None = None,
        key: File | None = None,
    ) -> None:
        files = {"ca": ca, "cert": cert, "key": key}
        self._settings = checked(address, client, workers, threads, timeout, security, files)
        self._guard = new_lock()
        self._connections: dict[str, Connection | None] = {}
        after_fork(self._let_go)

    def __repr__(self) -> str:
        return f"Dask({self._settings.address!r})" if self._settings.address else "Dask()"

    @hookimpl
    def session_start(self, session: Session) -> None:
        """Note who will end the connection."""
        with self._guard:
            self._connections[session.id] = None

    @hookimpl
    def session_forked(self, session: Session) -> None:
        """Note it anew, under the id that it has in the child; a connection is made when one is needed."""
        self._connections[session.id] = None

    @hookimpl
    def make_executor(self, session: Session, name: str, executor: Executor | None) -> object:
        """Connect, and return the executor `dask`; sessions inside the one that it is attached to share its connection.

        Raises:
            ClusterUnreachable, ClusterMismatch: There is no cluster to work with.
        """
        if name != self.name or executor is not None:
            return None
        from pegboard_dask._connection import Connection
        from pegboard_dask._executor import DaskExecutor

        with self._guard:
            owner = self._owner(session)
            connection = self._connections.get(owner)
            if connection is None:
                connection = self._connections[owner] = Connection(self._settings)
        return ProcessPlace(name, DaskExecutor(connection, session.id), shares_clock=False)

    @hookimpl
    def session_end(self, session: Session) -> None:
        """Give back what was started for this session."""
        with self._guard:
            connection = self._connections.pop(session.id, None)
        if connection is not None:
            connection.close()

    def _let_go(self) -> None:
        """In a forked child: the threads of a connection did not come along; it is the parent's to close."""
        self._guard = new_lock()
        self._connections = dict.fromkeys(self._connections)

    def _owner(self, session: Session) -> str:
        around: Session | None = session
        while around is not None:
            if around.id in self._connections:
                return around.id
            around = around.outer
        return session.id
