"""What a type checker sees of the parts; checked by mypy --strict and pyright, never run."""

from __future__ import annotations

from collections.abc import Callable
from typing import assert_type

from pegboard.parts import Background, Periodic, Reason, after_fork


def send(rows: list[tuple[str, float]]) -> bool:
    return bool(rows)


def lost(number: int, reason: Reason) -> None: ...


def background() -> None:
    """What may be put is what `send` takes."""
    rows = Background("rows", send, on_loss=lost)
    assert_type(rows, Background[tuple[str, float]])
    rows.put(("load", 0.5))
    rows.put("load")  # type: ignore[arg-type]
    assert_type(rows.flush(), bool)
    assert_type(rows.begin_end(), Callable[[float], bool])
    assert_type(rows.losses, dict[Reason, int])
    Background[str]("texts", send)  # type: ignore[arg-type]


class Owner:
    def begin_anew(self) -> None: ...


def others() -> None:
    """Work every so often takes nothing; an object begins anew."""
    beats = Periodic("beats", Owner().begin_anew, 5.0)
    assert_type(beats.stop(last=True), bool)
    Periodic("beats", send, 5.0)  # type: ignore[arg-type]
    after_fork(Owner().begin_anew)
