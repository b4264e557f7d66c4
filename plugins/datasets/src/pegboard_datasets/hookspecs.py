"""The hook specs that datasets add to a session."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pegboard import hookspec

if TYPE_CHECKING:
    from pegboard import Call


@hookspec
def before_dataset_save(call: Call | None, key: str, format: str, address: str) -> None:  # noqa: A002 - the field's word
    """Called before a value is written under `key` in the format of that name, to the store at `address`.

    `call` is the call that saves it, or whose result it is; None outside of calls. Where writing fails, no `on_dataset_save`
    follows.
    """


@hookspec
def on_dataset_save(
    call: Call | None,
    key: str,
    format: str,  # noqa: A002
    size: int,
    duration: float,
    address: str,
) -> None:
    """Called after a value was written: `size` bytes, in `duration` seconds, encoding included; the others as before.

    An artifact that was there already is told too, as it is saved all the same.
    """


@hookspec
def before_dataset_load(call: Call | None, key: str, format: str, address: str) -> None:  # noqa: A002
    """Called before the value under `key` is read; all as in `before_dataset_save`."""


@hookspec
def on_dataset_load(
    call: Call | None,
    key: str,
    format: str,  # noqa: A002
    size: int,
    duration: float,
    address: str,
) -> None:
    """Called after the value was read: `size` bytes, in `duration` seconds, decoding included; the others as before."""
