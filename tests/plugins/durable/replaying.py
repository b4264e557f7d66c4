"""What tests of steps share: a journal in a folder, and a way to leave a run as a killed process does."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from pegboard import Session
from pegboard_durable import Durability


class Crash(BaseException):
    """Leaves a run without an outcome."""


@contextmanager
def opened(
    folder: Path, *plugins: Any, strict_session: bool = False, **settings: Any
) -> Iterator[Durability]:
    """Open a session on the journal of a folder, with another plugin each time, as another process would."""
    durability = Durability(f"sqlite:///{folder / 'journal.db'}", **settings)
    with Session(durability, *plugins, strict=strict_session):
        yield durability


def crashed(durability: Durability, task: Any, *args: Any, run_id: str = "r", **kwargs: Any) -> None:
    """Begin a run that leaves with a `Crash`."""
    try:
        run = durability.run(task, *args, run_id=run_id, **kwargs)
    except Crash:
        return
    raise AssertionError(f"it did not crash: {run}")


def rows(folder: Path, run_id: str = "r") -> dict[str, tuple[str, str]]:
    """Return kind and status of what is recorded, by key."""
    with closing(sqlite3.connect(folder / "journal.db")) as connection:
        found = connection.execute(
            "select key, kind, status from pegboard_steps where run = ? order by key", (run_id,)
        )
        return {key: (kind, status) for key, kind, status in found}
