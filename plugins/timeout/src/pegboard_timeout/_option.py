"""What a task asks for: how long an attempt, and how long the whole call may take."""

from __future__ import annotations

import attrs

from pegboard import Option
from pegboard.parts import checks

_SECONDS = checks.seconds(above=0, hint="Leave the option off for no limit.")


@attrs.frozen
class Timeout(Option):
    """Let each attempt take so many seconds.

    An attempt that takes longer ends with `TaskTimeout`, which a retry takes for an error like any other.

    Attributes:
        seconds: How long an attempt may take, in seconds.
    """

    plugin_name = "timeout"
    kinds = frozenset({"function", "coroutine"})

    seconds: float = attrs.field(validator=_SECONDS)


@attrs.frozen
class Deadline(Option):
    """Let the whole call take so many seconds, all its attempts and the waits between them included.

    A call that takes longer ends with `DeadlineExceeded`. The calls that it makes have only what is left.

    Attributes:
        seconds: How long the call may take, in seconds.
    """

    plugin_name = "timeout"
    kinds = frozenset({"function", "coroutine"})

    seconds: float = attrs.field(validator=_SECONDS)
