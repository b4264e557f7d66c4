"""The hook specs that datasets add to a session."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pegboard import hookspec

if TYPE_CHECKING:
    from pegboard import Call


@hookspec
def on_dataset_save(call: Call | None, key: str, format: str, size: int) -> None:  # noqa: A002 - the field's word
    """Called after a value was written under `key`: `size` bytes of the format of that name.

    `call` is the call that saved it, or whose result it is; None outside of calls. An artifact that was there already is told
    too, as it is saved all the same.
    """


@hookspec
def on_dataset_load(call: Call | None, key: str, format: str, size: int) -> None:  # noqa: A002
    """Called after the value under `key` was read: `size` bytes of the format of that name; `call` as in `on_dataset_save`."""
