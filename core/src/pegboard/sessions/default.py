"""The session that serves where none is open: made from configuration, for the whole process, when first needed."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from pegboard import discovery
from pegboard.parts.forks import new_rlock
from pegboard.sessions import configuration, installing
from pegboard.sessions.configuration import Config, load_config
from pegboard.sessions.ending import ENDING, hurrying_at_exit
from pegboard.sessions.serving import SERVING
from pegboard.sessions.session import Session, current_session

if TYPE_CHECKING:
    from pegboard.tasks.task import Task


class DefaultSession:
    """Holds the default session."""

    def __init__(self) -> None:
        self._guard = new_rlock()
        self._config: Config | None = None
        self._session: Session | None = None

    def for_task(self, task: Task[..., Any]) -> Session | None:
        """Return the session that serves `task`; None for a task without options and without any configuration."""
        if SERVING.elsewhere:
            SERVING.tell_unserved(task)
        with self._guard:
            if self._config is None:
                self._config = load_config()
            if self._config.is_empty and not task.options and not discovery.everywhere():
                return None
        return self.get()

    def get(self) -> Session:
        """Return the default session, made and started by the first who asks."""
        session = self._session
        if session is None:
            with ENDING, self._guard:
                if self._session is None:
                    self._session = self._open()
                session = self._session
        return session

    def drain(self) -> None:
        """Have the default session drain, if there is one."""
        if self._session is not None:
            self._session.begin_draining()

    def reset(self) -> None:
        """End the default session and forget the configuration, so that both are read again; for tests."""
        with ENDING:
            with self._guard:
                session, self._session, self._config = self._session, None, None
                SERVING.reconsider()
            if session is not None:
                session.release(None)

    def set_aside(self, config: Config) -> tuple[Session | None, Config | None]:
        """Begin anew with another configuration, and return what to `put_back` afterwards; for tests."""
        with self._guard:
            aside = self._session, self._config
            self._session, self._config = None, config
            SERVING.reconsider()
        return aside

    def put_back(self, aside: tuple[Session | None, Config | None]) -> None:
        """End what was made since, and go on with what was set aside."""
        self.reset()
        with self._guard:
            self._session, self._config = aside
            SERVING.reconsider()

    def end_default(self) -> None:
        """End the default session once the last call in it is over: another serves from now on."""
        with self._guard:
            session, self._session = self._session, None
        if session is None:
            return
        if not session.is_busy():
            session.release(None)
            return
        threading.Thread(
            target=installing.end_when_idle, args=(session,), name="pegboard-default-session", daemon=True
        ).start()

    def _open(self) -> Session:
        import atexit

        if self._config is None:
            self._config = load_config()
        config = self._config
        session = Session(
            *configuration.make_plugins(config),
            executor=config.executor,
            strict=config.strict,
            strict_plugins=config.strict_plugins,
            inherit=False,
            quiet=True,
        )
        for name in config.disabled:
            session.pm.set_blocked(name)
        session.track_calls()
        session.acquire(None)
        atexit.register(self._at_exit, session)
        return session

    def _at_exit(self, session: Session) -> None:
        if self._session is session:
            with hurrying_at_exit():
                self.reset()


DEFAULT = DefaultSession()
SERVING.end_default = DEFAULT.end_default


def serving_session(task: Task[..., Any] | None = None) -> Session:
    """Return the session that serves calls made here: the open or installed one, or the process-wide default.

    Args:
        task: Which is about to be called, if one is.
    """
    session = current_session()
    if session is not None:
        return session
    if task is not None and SERVING.elsewhere:
        SERVING.tell_unserved(task)
    return DEFAULT.get()


def attach_everywhere(name: str) -> None:
    """Have the installed session, and every outermost one that starts from now on, attach an installed plugin.

    A session that has a plugin of that name keeps its own, and one that disables the name does without. Tasks that are called
    outside of any session are then served by the default one.

    Args:
        name: Name of an installed plugin, which is made with its defaults.
    """
    installed = SERVING.installed
    if installed is not None and not installed.pm.has_plugin(name):
        installed.register(name)
    discovery.attach_everywhere(name)
    SERVING.reconsider()


def detach_everywhere(name: str) -> None:
    """Take `attach_everywhere` back, for sessions that start from now on."""
    discovery.detach_everywhere(name)
    SERVING.reconsider()
