"""What gives the SDK its ids; its own generator draws from the program's `random`, which a task may seed."""

from __future__ import annotations

from opentelemetry.sdk.trace.id_generator import IdGenerator

from pegboard_tracing._ids import new_span_id, new_trace_id


class PrivateIds(IdGenerator):
    """Gives ids that neither depend on the program's numbers nor use them up."""

    generate_span_id = staticmethod(new_span_id)
    generate_trace_id = staticmethod(new_trace_id)

    def is_trace_id_random(self) -> bool:
        """Say yes, as all of its bits are."""
        return True
