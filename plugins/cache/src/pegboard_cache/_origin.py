"""Which span computed a value, so that a trace of a hit leads to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pegboard import Call
    from pegboard_cache._store import Origin

SERVED_FROM = "pegboard.served_from"  # key of `call.state`; whoever traces reads it
_TRACE_BYTES, _SPAN_BYTES = 16, 8


def origin_of(call: Call) -> Origin | None:
    """Return the ids of a call's span, if it is one that is kept."""
    if not call.sampled:  # most often as nobody traces
        return None
    trace_id, span_id = call.trace_id, call.span_id
    return (trace_id, span_id) if trace_id and span_id else None


def note(call: Call, origin: Origin | None) -> None:
    """Tell on a hit which span computed the value; when nobody traces the hit, nobody asks."""
    if origin is not None and call.sampled:
        call.state[SERVED_FROM] = origin


def to_bytes(origin: Origin | None) -> bytes:
    """Write it in 24 bytes; empty for none."""
    return b"" if origin is None else bytes.fromhex(origin[0] + origin[1])


def from_bytes(data: bytes) -> Origin | None:
    """Read what `to_bytes` wrote; anything else is none."""
    if len(data) != _TRACE_BYTES + _SPAN_BYTES:
        return None
    return data[:_TRACE_BYTES].hex(), data[_TRACE_BYTES:].hex()
