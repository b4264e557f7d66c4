"""Runs as the command line shows them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from pegboard import texts

if TYPE_CHECKING:
    from pegboard_durable._records import AnyRun, Step
    from pegboard_durable._replaying import Replay

Change = tuple[float, str, str, str, str]
_GAP = "  "


def table(runs: Iterable[AnyRun]) -> Iterator[str]:
    """Write a line for each run: id, status, task, when it was made, and how often it was recovered."""
    rows = [
        (run.id, str(run.status), run.task, _time(run.created_at), _recoveries(run.recoveries))
        for run in runs
    ]
    return _aligned(rows)


def outcome(run: AnyRun, why: str) -> str:
    """Say how a run stands, and why."""
    reason = error_of(run) or why
    return shown(f"{run.id} is {run.status}{reason and f': {reason}'}")


def error_of(run: AnyRun) -> str:
    """Return a run's error, with its class; empty without one."""
    if run.error is None:
        return ""
    return f"{type(run.error).__name__}: {run.error}"


def as_object(run: AnyRun) -> dict[str, Any]:
    """Return a run as JSON has it, without what it returned."""
    return {
        "id": run.id,
        "task": run.task,
        "status": str(run.status),
        "created_at": run.created_at,
        "ended_at": run.ended_at,
        "recoveries": run.recoveries,
        "error": error_of(run) or None,
    }


def in_full(run: AnyRun, changes: Sequence[Change], steps: Sequence[Step]) -> dict[str, Any]:
    """Return a run as JSON has it, with the changes of its status and its steps."""
    names = ("at", "from", "to", "by", "why")
    return {
        **as_object(run),
        "changes": [dict(zip(names, change, strict=True)) for change in changes],
        "steps": [
            {
                "key": step.key,
                "kind": step.kind,
                "status": step.status,
                "attempt": step.attempt,
                "started_at": step.started_at,
                "duration": step.duration,
            }
            for step in _in_order(steps)
        ],
    }


def lines_in_full(run: AnyRun, changes: Sequence[Change], steps: Sequence[Step]) -> Iterator[str]:
    """Write a run, the changes of its status, and its steps."""
    yield shown(f"{run.id} is {run.status}, a run of {run.task}")
    if run.error is not None:
        yield shown(error_of(run))
    yield from _aligned([(_time(at), after, why) for at, _, after, _, why in changes])
    yield from _aligned(
        [(each.key, each.kind, each.status, f"{each.duration:.3f} s") for each in _in_order(steps)]
    )


def replay(found: Replay) -> Iterator[str]:
    """Tell what a replay found, a line each."""
    if found.diverged is not None:
        yield shown(f"{found.run_id} diverges: {found.diverged}")
    for key in found.orphans:
        yield shown(f"{found.run_id} does not call {key} any more")
    for key in found.changed:
        yield shown(f"{found.run_id} has other code {f'at {key}' if key else 'of its task'}")
    if found.ok:
        end = "to its end" if found.is_complete else "as far as it is recorded"
        yield shown(f"{found.run_id} does the same {end}")


def shown(text: str) -> str:
    """Make a text of a journal harmless to a terminal."""
    return texts.without_control(" ".join(text.splitlines()))


def _in_order(steps: Iterable[Step]) -> list[Step]:
    """Steps as they began; not what a run notes of its own attempts."""
    return sorted((step for step in steps if step.key), key=lambda step: step.started_at)


def _time(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%dT%H:%M:%SZ}"


def _recoveries(count: int) -> str:
    return "" if not count else f"{count} recover{'y' if count == 1 else 'ies'}"


def _aligned(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    clean = [[shown(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*clean, strict=True)]
    for row in clean:
        yield _GAP.join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
