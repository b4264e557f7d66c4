"""Events about datasets that no layer saves or loads: within a call as its own, and outside of calls all the same."""

from __future__ import annotations

from typing import Literal

from pegboard import current_call, current_session

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
        session.ask(event, call=None, key=key, format=format_name, size=size)
