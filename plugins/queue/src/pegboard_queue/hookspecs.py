"""The hook spec that queues add to a session."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pegboard import hookspec

if TYPE_CHECKING:
    from pegboard_queue.items.item import Item
    from pegboard_queue.items.state import State


@hookspec
def on_item_change(item: Item[Any], old: State, new: State) -> None:
    """Called after each change of an item's state, once, in the order of the changes, one at a time for each manager.

    It is told in whichever thread comes next, and `item.state` may have gone on meanwhile. Submitting, cancelling and looking are fine
    in it; a wait for an item is refused, as who waits is told after it. An error in it is isolated, as everywhere. Mark an implementation
    `@hookimpl(optionalhook=True)` where `Queue` may not be attached.
    """
