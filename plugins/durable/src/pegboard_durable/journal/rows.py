"""Rows as they are written: with a checksum over all that must not change."""

from __future__ import annotations

import zlib
from typing import Any, cast, get_args

from pegboard_durable._records import RunRow, Status, Step, StepKind, StepStatus

_KINDS = frozenset(get_args(StepKind))
_RUN_STATUSES = frozenset(map(str, Status))
_STATUSES = frozenset(get_args(StepStatus))


class Damaged(ValueError):  # noqa: N818 - a reason, told in an error
    """Raised for a row that is not as it was written."""


def crc_of(*fields: object) -> int:
    """Return the checksum of some fields: texts, numbers, bytes and None."""
    crc = 0
    for field in fields:
        data = field if isinstance(field, bytes) else repr(field).encode()
        crc = zlib.crc32(data, zlib.crc32(b"%d;" % len(data), crc))
    return crc


def step_values(run: str, step: Step, epoch: int) -> dict[str, Any]:
    """Return the columns of a step."""
    return {**step._asdict(), "run": run, "epoch": epoch, "crc": crc_of(run, *step)}


def step_of(run: str, row: Any) -> Step:
    """Read a step.

    Raises:
        Damaged: It is not as it was written.
    """
    step = Step(*row[:-1])
    step = step._replace(value=None if step.value is None else bytes(step.value))
    if row[-1] != crc_of(run, *step) or step.kind not in _KINDS or step.status not in _STATUSES:
        raise Damaged
    return step


def run_crc(run: RunRow) -> int:
    """Return the checksum of what never changes in a run."""
    return crc_of(run.id, run.task, run.input, run.digest, run.fingerprint, run.created_at)


def end_crc(run: str, status: str, result: bytes | None) -> int:
    """Return the checksum of how a run ended."""
    return crc_of(run, str(status), result)


def run_of(row: Any) -> RunRow:
    """Read a run.

    Raises:
        Damaged: It is not as it was written.
    """
    *fields, crc, ending = row
    run = cast("RunRow", RunRow(*fields))
    result = None if run.result is None else bytes(run.result)
    run = run._replace(input=bytes(run.input), result=result, cancel_asked=bool(run.cancel_asked))
    if crc != run_crc(run) or run.status not in _RUN_STATUSES:
        raise Damaged
    if run.ended_at is not None and ending != end_crc(run.id, run.status, result):
        raise Damaged
    return run._replace(status=Status(run.status))
