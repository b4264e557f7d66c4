"""The session that serves where none is open: made from configuration, for the whole process, when first needed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pegboard import discovery
from pegboard.errors import ConfigError
from pegboard.parts.forks import new_rlock
from pegboard.sessions.configuration import Config, load_config, refuse_unknown, unknown_key
from pegboard.sessions.session import Session, current_session

if TYPE_CHECKING:
    from pegboard.tasks.task import Task


class DefaultSession:
    """Holds the default session.

    Attributes:
        state: A new object whenever the answer to "does this task need a session?" may have changed.
    """

    def __init__(self) -> None:
        self._guard = new_rlock()
        self._config: Config | None = None
        self._session: Session | None = None
        self.state = object()

    def for_task(self, task: Task[..., Any]) -> Session | None:
        """Return the session that serves `task`; None for a task without options and without any configuration."""
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
            with self._guard:
                if self._session is None:
                    self._session = self._open()
                session = self._session
        return session

    def reset(self) -> None:
        """End the default session and forget the configuration, so that both are read again; for tests."""
        with self._guard:
            session, self._session, self._config = self._session, None, None
            self.state = object()
        if session is not None:
            session.release(None)

    def reconsider(self) -> None:
        """Have every task ask again whether it needs a session."""
        self.state = object()

    def _open(self) -> Session:
        import atexit

        if self._config is None:
            self._config = load_config()
        config = self._config
        refuse_unknown(config)
        session = Session(
            *(_make(name, config) for name in config.plugins),
            executor=config.executor,
            strict=config.strict,
            strict_plugins=config.strict_plugins,
            inherit=False,
        )
        for name in config.disabled:
            session.pm.set_blocked(name)
        session.acquire(None)
        atexit.register(self._at_exit, session)
        return session

    def _at_exit(self, session: Session) -> None:
        if self._session is session:
            self.reset()


def _make(name: str, config: Config) -> object:
    settings = config.settings.get(name, {})
    plugin = discovery.find(name)
    if settings:
        import inspect

        known = inspect.signature(plugin).parameters
        for key in settings:
            if key not in known:
                raise unknown_key(f"settings of plugin {name!r}", key, list(known))
    try:
        return plugin(**settings)
    except (TypeError, ValueError) as error:
        raise ConfigError(
            f"plugin {name!r} cannot be made with its settings {', '.join(settings) or '(none)'}: {error}",
            where="the configuration",
            key=name,
        ) from error


DEFAULT = DefaultSession()


def serving_session() -> Session:
    """Return the session that serves calls made here: the open one, or the process-wide default."""
    return current_session() or DEFAULT.get()


def attach_everywhere(name: str) -> None:
    """Have every outermost session that starts from now on, the default one included, attach an installed plugin.

    A session that has a plugin of that name keeps its own, and one that disables the name does without. Tasks that are called
    outside of any session are then served by the default one.

    Args:
        name: Name of an installed plugin, which is made with its defaults.
    """
    discovery.attach_everywhere(name)
    DEFAULT.reconsider()


def detach_everywhere(name: str) -> None:
    """Take `attach_everywhere` back, for sessions that start from now on."""
    discovery.detach_everywhere(name)
    DEFAULT.reconsider()
