"""The lines of maps and other groups."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from pegboard.records import error_type
from pegboard_jsonlines._text import timestamp

if TYPE_CHECKING:
    from pegboard import Group, Outcome


def group_line(group: Group, outcome: Outcome, now: float) -> str:
    """Write the end of a group; of its error the class alone, as the calls' own lines say more."""
    line = {
        "ts": timestamp(now),
        "event": "group",
        "group": group.id,
        "kind": group.kind,
        "name": group.name,
        "parent_id": None if group.parent is None else group.parent.id,
        "session_id": group.session.id,
        "size": group.size,
        "calls": group.calls,
        "failed": group.failed,
        "status": outcome.status,
        "duration": round(outcome.duration, 6),
        "error_type": error_type(outcome.error) or None,
    }
    return json.dumps(line) + "\n"
