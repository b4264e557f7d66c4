"""What a task gives in the body of a flow: it stands for a value that is not there yet."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import NoReturn, Self

from pegboard_flow._errors import PlaceholderError


class Placeholder:
    """Stands for the output of a node, or for a parameter while a flow is drawn.

    It may be handed to tasks, also inside lists, dicts, tuples and sets and their subclasses, and be returned. It has no value to look at, so
    everything else is refused. Awaiting it gives itself, so that a body may be `async def`.
    """

    __slots__ = ("_what",)

    def __init__(self, what: str) -> None:
        self._what = what

    def __repr__(self) -> str:
        return f"<placeholder of {self._what}>"

    def __await__(self) -> Generator[None, None, Self]:
        yield from ()  # nothing to wait for, but awaiting takes a generator
        return self

    __hash__ = object.__hash__

    def __getattr__(self, name: str) -> NoReturn:
        raise refusal(self, f"its attribute {name!r} is asked for", _IN_TASK)

    def __bool__(self) -> NoReturn:
        raise refusal(
            self,
            "it is asked whether it is true",
            "Decide in a task, or build a Graph with a condition on an edge.",
        )

    def __iter__(self) -> NoReturn:
        raise refusal(self, "it is iterated over", "Call a task for each item: task.map(placeholder).")

    def __str__(self) -> NoReturn:
        raise refusal(self, "it is made text", _IN_TASK)

    def __format__(self, spec: str) -> NoReturn:
        raise refusal(self, "it is made text", _IN_TASK)

    def __call__(self, *_: object, **__: object) -> NoReturn:
        """Refuse to be called."""
        raise refusal(self, "it is called", _IN_TASK)

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise refusal(self, "it is copied or pickled", "Hand it to tasks as it is.")


class NodePlaceholder(Placeholder):
    """Stands for the output of a node: one number in one recording."""

    __slots__ = ("_number", "_recording")

    def __init__(self, recording: object, what: str, number: int) -> None:
        super().__init__(what)
        self._recording = recording
        self._number = number


def node_of(placeholder: NodePlaceholder) -> tuple[object, int]:
    """Return what a node was recorded in, and its number there; no attribute, as those are refused."""
    read = object.__getattribute__
    return read(placeholder, "_recording"), read(placeholder, "_number")


def refusal(placeholder: Placeholder, what: str, way_out: str) -> PlaceholderError:
    """Say what was tried, and what to do instead."""
    name = object.__getattribute__(placeholder, "_what")
    return PlaceholderError(
        f"the placeholder of {name} has no value yet, and {what}.\n"
        f"In the body of a flow tasks are only put in order; they run once it is over. {way_out}",
        node=name,
    )


_IN_TASK = "Do it in a task, and hand the placeholder to that."
_OPERATORS = {
    "it is compared": "eq ne lt le gt ge",
    "it is computed with": (
        "add radd iadd sub rsub mul rmul matmul rmatmul truediv rtruediv floordiv rfloordiv mod rmod divmod rdivmod pow rpow "
        "and rand or ror xor rxor lshift rlshift rshift rrshift neg pos abs invert round"
    ),
    "it is made a number": "int float complex index",
    "it is asked for its length": "len",
    "it is asked for an item": "getitem setitem delitem contains",
    "it is iterated over": "next reversed aiter anext",
    "it is entered with `with`": "enter exit aenter aexit",
}


def _refusing(what: str) -> Callable[..., NoReturn]:
    def refuse(self: Placeholder, *_: object) -> NoReturn:
        raise refusal(self, what, _IN_TASK)

    return refuse


for _what, _names in _OPERATORS.items():
    for _name in _names.split():
        setattr(Placeholder, f"__{_name}__", _refusing(_what))
