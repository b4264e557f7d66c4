"""What a task may ask for."""

from __future__ import annotations

import attrs

from pegboard import Option
from pegboard_resources._sizes import size_in_bytes


@attrs.frozen
class Measured(Option):
    """Measure by how much calls of this task grow the process.

    Args:
        memory_limit: Growth of resident memory that is too much: `"500MB"`, or a number of bytes. A call that grows the
            process by more, or calls that do so together, are warned of. None measures and warns of nothing.
    """

    plugin_name = "resources"

    memory_limit: int | None = attrs.field(default=None, converter=attrs.converters.optional(size_in_bytes))
