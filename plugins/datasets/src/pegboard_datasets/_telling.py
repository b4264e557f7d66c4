"""Events about datasets that no layer saves or loads: within a call as its own, and outside of calls all the same."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pegboard import current_call, current_session

if TYPE_CHECKING:
    from pegboard_datasets._catalog import Loaded, Stored
    from pegboard_datasets._store import Store


def tell_saved(stored: Stored, store: Store) -> None:
    """Tell that a value was written."""
    tell(
        "on_dataset_save",
        key=stored.key,
        format=stored.format,
        size=stored.size,
        duration=stored.seconds,
        address=store.address,
    )


def tell_loaded(key: str, format_name: str, loaded: Loaded, store: Store) -> None:
    """Tell that a value was read."""
    tell(
        "on_dataset_load",
        key=key,
        format=format_name,
        size=loaded.size,
        duration=loaded.seconds,
        address=store.address,
    )


def tell(event: str, **facts: Any) -> None:
    """Tell the observers of the current call's session, or of the current session; nobody where it has no datasets."""
    call = current_call()
    session = current_session() if call is None else call.session
    if session is None or event not in session.events:
        return
    if call is not None:
        call.emit(event, **facts)
    else:
        session.ask(event, call=None, **facts)
