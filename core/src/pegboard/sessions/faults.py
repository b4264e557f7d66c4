"""What plugins did wrong where they may only watch: counted, logged once each, and in a strict session raised."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pegboard.parts.forks import new_lock
from pegboard.privacy import loggable

if TYPE_CHECKING:
    from pegboard.plans.events import Observer
    from pegboard.sessions.plugins import Plugins


class Faults:
    """The faults of one session's plugins.

    Attributes:
        counts: How often each plugin failed in each hook, by (plugin, hook).
    """

    def __init__(self, session: Plugins) -> None:
        self._session = session
        self._guard = new_lock()
        self.counts: dict[tuple[str, str], int] = {}
        self._warned: set[str] = set()

    def of_observer(self, observer: Observer, subject: Any, error: BaseException) -> BaseException | None:
        """Contain what an observer raised; see `of_hook`."""
        return self.of_hook(observer.plugin, observer.event, subject, error)

    def of_hook(self, plugin: str, hook: str, subject: Any, error: BaseException) -> BaseException | None:
        """Count and log what a plugin raised; return it if it has to go on all the same.

        Args:
            plugin: Name of the plugin.
            hook: What it was told.
            subject: The call, group or other thing it was told of, which keeps what a strict session raises later; None where
                there is none: then a strict session has to raise at once.
            error: What it raised.
        """
        if isinstance(
            error, KeyboardInterrupt | SystemExit
        ):  # of a signal handler: swallowed, the program would run on
            return error
        with self._guard:
            count = self.counts.get((plugin, hook), 0) + 1
            self.counts[plugin, hook] = count
            if self._session.strict and subject is not None:
                subject.hook_failures = [*(subject.hook_failures or ()), error]
        if count == 1:
            self._log(plugin, hook, subject, error)
        return error if self._session.strict and subject is None else None

    def raise_of(self, subject: Any, cause: BaseException | None) -> None:
        """In a strict session, raise what observers did wrong during a call or group that is over."""
        failures = subject.hook_failures
        if not failures:
            return
        subject.hook_failures = None
        if len(failures) == 1:
            raise failures[0] from cause
        raise BaseExceptionGroup("observers failed", failures) from cause

    def warn_once(self, key: str, message: str) -> None:
        """Log a warning, once per session and key."""
        if key not in self._warned:
            self._warned.add(key)
            import logging

            logging.getLogger("pegboard").warning("%s", message)

    def _log(self, plugin: str, hook: str, subject: Any, error: BaseException) -> None:
        import logging

        task = getattr(subject, "task", None)
        hidden = task is not None and task.sensitive
        logging.getLogger("pegboard").error(
            "plugin %s failed in %s with %s; the task goes on, and further failures are only counted",
            plugin,
            hook,
            type(error).__name__,
            exc_info=None if hidden else loggable(error),
        )
