"""Rows as they are written: with a checksum over all that is in them."""

from __future__ import annotations

import zlib
from typing import Any, get_args

from pegboard_durable._records import RunRow, Status, Step, StepKind, StepStatus

_KINDS = frozenset(get_args(StepKind))
_STATUSES = frozenset(get_args(StepStatus))
_STEP_VALUE = Step._fields.index("value")


class Damaged(ValueError):  # noqa: N818 - a reason, told in an error
    """Raised for a row that is not as it was written."""


def crc_of(data: bytes | None, *fields: object) -> int:
    """Return the checksum of a value and of some fields: texts, numbers and None."""
    return zlib.crc32(repr(fields).encode(), 0 if data is None else zlib.crc32(data, 1))


def step_values(run: str, step: Step, epoch: int) -> dict[str, Any]:
    """Return the columns of a step."""
    return {**step._asdict(), "run": run, "epoch": epoch, "crc": crc_of(step.value, run, *_facts_of(step))}


def step_of(run: str, row: Any) -> Step:
    """Read a step.

    Raises:
        Damaged: It is not as it was written.
    """
    *fields, crc = row
    if fields[_STEP_VALUE].__class__ not in (bytes, type(None)):
        fields[_STEP_VALUE] = bytes(fields[_STEP_VALUE])
    step = Step._make(fields)
    if (
        crc != crc_of(step.value, run, *_facts_of(step))
        or step.kind not in _KINDS
        or step.status not in _STATUSES
    ):
        raise Damaged
    return step


def _facts_of(step: Step) -> tuple[object, ...]:
    key, kind, status, digest, _, attempt, enclosing, fingerprint, started_at, duration, next_at = step
    times = started_at + 0.0, duration + 0.0, next_at + 0.0  # as they come back
    return key, kind, status, digest, attempt, enclosing, fingerprint, *times


def run_values(run: RunRow) -> dict[str, Any]:
    """Return the columns of a run."""
    return {**run._asdict(), "status": str(run.status), "crc": _run_crc(run)}


def run_of(row: Any) -> RunRow:
    """Read a run.

    Raises:
        Damaged: It is not as it was written.
    """
    *fields, crc = row
    run = RunRow._make(fields)
    result = None if run.result is None else bytes(run.result)
    run = run._replace(
        input=bytes(run.input),
        result=result,
        cancel_asked=bool(run.cancel_asked),
        status=Status(run.status),
        lease_until=float(run.lease_until),
    )
    if crc != _run_crc(run):
        raise Damaged
    return run


def _run_crc(run: RunRow) -> int:
    """The checksum of a run; not of the end of its lease, which is written without reading the rest."""
    facts = {**run._asdict(), "input": b"", "result": None, "status": str(run.status), "lease_until": 0.0}
    result = crc_of(run.result, "result")
    return crc_of(run.input, *map(_as_it_comes_back, facts.values()), result)


def _as_it_comes_back(value: object) -> object:
    """A number as a column of any kind gives it back."""
    return float(value) if isinstance(value, (int, float)) else value
