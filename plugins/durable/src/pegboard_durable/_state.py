"""What a run keeps by name."""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from typing import TYPE_CHECKING, Any

from pegboard_durable._codec import decode, encode
from pegboard_durable._position import position_for

if TYPE_CHECKING:
    from pegboard_durable._execution import Execution

_MOST = 16 * 1024 * 1024


class State(MutableMapping[str, Any]):
    """What a run keeps, by name: written to the journal with the step that writes it, and there again when it is resumed.

    Outside of a run there is nothing, and nothing can be written. What is read is a copy: to change it, write it again.
    """

    def __getitem__(self, name: str) -> Any:
        return decode(position_for("state").execution.state[name])

    def __setitem__(self, name: str, value: Any) -> None:
        if not isinstance(name, str):
            raise TypeError(f"state: a name is a str, not {type(name).__name__}.")
        position = position_for("state")
        execution = position.execution
        data = encode(value, task="state", most=_MOST)
        key = position.key("@state")
        row = encode((name, data), task="state", most=2 * _MOST)
        found = execution.read(key)
        if found is None or found.value != row:
            written = position.step(key, "state", "ok", row, attempt=execution.number())
            if position.scope:
                position.buffer(written)
            else:
                position.write(written)
        execution.state[name] = data

    def __delitem__(self, name: str) -> None:
        raise TypeError("what a run keeps cannot be deleted: write None.")

    def __iter__(self) -> Iterator[str]:
        return iter(list(position_for("state").execution.state))

    def __len__(self) -> int:
        return len(position_for("state").execution.state)


def replay_state(execution: Execution, key: str) -> None:
    """Have what a step that does not run again kept."""
    for kept in execution.kept_in(key):
        name, data = decode(kept.value or b"")
        execution.state[name] = data


state = State()
