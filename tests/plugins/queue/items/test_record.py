"""Changes of a state."""

from __future__ import annotations

import pytest

from pegboard import task
from pegboard_queue import TRANSITIONS, IllegalTransition, Item, State
from pegboard_queue.items.item import record_of


def test_every_illegal_move_is_refused_and_changes_nothing(session) -> None:
    """The whole table, from every state."""

    @task
    def work() -> None: ...

    paths = {State.PENDING: []}
    while len(paths) < len(State):
        for old in list(paths):
            for new in TRANSITIONS[old]:
                paths.setdefault(new, [*paths[old], new])
    for old, path in paths.items():
        for new in State:
            item = Item(work)
            for step in path:
                record_of(item).move(step)
            if new in TRANSITIONS[old]:
                assert record_of(item).move(new) is old
                assert item.state is new
            else:
                with pytest.raises(IllegalTransition, match=f"is {old}, and cannot become {new}") as caught:
                    record_of(item).move(new)
                assert (caught.value.state, caught.value.wanted, item.state) == (old, new, old)
