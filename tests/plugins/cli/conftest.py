"""A folder with tasks, to be run from the command line."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from pegboard.testing import reset_default_session
from pegboard_cli import main

TASKS = """
import enum
from typing import Literal
from pegboard import Secret, current_session, task


class Colour(enum.Enum):
    red = 1
    blue = 2


@task(description="Doubles a number.")
def double(x: int, *, loud: bool = False):
    return f"{2 * x}{'!' if loud else ''}"


@task
def kinds(count: int, share: float, colour: Colour, mode: Literal["fast", "safe"], tags: list[int] = [], day: str | None = None):
    return {"count": count, "share": share, "colour": colour.name, "mode": mode, "tags": tags, "day": day}


@task
def free(value, *more, **named):
    return [value, list(more), named]


@task
def fails(x: str):
    raise ValueError(f"no {x}")


@task(sensitive=True)
def fails_quietly(x: str):
    raise ValueError(f"no {x}")


@task
def stops():
    raise KeyboardInterrupt


@task
def numbers(n: int):
    yield from range(n)


@task
async def later(x: int):
    return x + 1


@task
async def anumbers(n: int):
    for i in range(n):
        yield {"i": i}


@task
def nothing():
    return None


@task
def hide(secret: Secret):
    return secret


@task
def attached():
    return sorted(current_session().plugins)


def plain():
    return 1
"""

Pegboard = Callable[..., Result]


@pytest.fixture
def pegboard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Pegboard]:
    """Run the command in a folder that holds `jobs.py`."""
    (tmp_path / "jobs.py").write_text(TASKS)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    before = set(sys.modules)
    yield lambda *words: CliRunner().invoke(main, list(words))
    for name in set(sys.modules) - before:
        del sys.modules[name]
    reset_default_session()
