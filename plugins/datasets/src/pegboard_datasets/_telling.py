"""Events about datasets that no layer saves or loads: within a call as its own, and outside of calls all the same."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Literal

from pegboard import current_call, current_session

if TYPE_CHECKING:
    from pegboard import Session

Event = Literal["on_dataset_save", "on_dataset_load"]


def tell(event: Event, key: str, format_name: str, size: int) -> None:
    """Tell the observers of the current call's session, or of the current session; nobody where it has no datasets."""
    call = current_call()
    session = current_session() if call is None else call.session
    if session is None or event not in session.events:
        return
    if call is not None:
        call.emit(event, key, format_name, size)
    else:
        _tell_outside(session, event, {"call": None, "key": key, "format": format_name, "size": size})


def _tell_outside(session: Session, event: Event, facts: dict[str, Any]) -> None:
    """Call each observer by itself, last attached first; what one does wrong is the session's to count."""
    subject = SimpleNamespace(hook_failures=None)
    for found in reversed(getattr(session.pm.hook, event).get_hookimpls()):
        try:
            found.function(*[facts[name] for name in found.argnames])
        except BaseException as error:
            if session.hook_failed(found.plugin_name, event, subject, error) is not None:
                raise
    if session.strict:
        session.raise_hook_failures(subject, None)
