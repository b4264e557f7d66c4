"""What a task asks for: that only so many of its calls go on at once."""

from __future__ import annotations

from typing import Literal

import attrs

from pegboard import Option
from pegboard.parts import checks
from pegboard_limits import _checks


@attrs.frozen
class Concurrency(Option):
    """Let at most `n` calls go on at once; the others wait, first come first served.

    A task may have several, one of its own and one that it shares, say.

    Attributes:
        n: How many slots there are.
        name: Tasks that name the same concurrency limit share its slots, within one `Limits`. None is one of the task's own.
        max_wait: Seconds that a call may wait for a slot before `LimitExceeded` is raised; 0 never waits, None waits
            as long as it takes.
        until: When a call gives its slot back. `body`: when its function has ended, also where a `Timeout` stopped waiting for
            it and it goes on; so never more than `n` calls' functions run at once. `call`: when the call ends.
    """

    plugin_name = "limits"
    repeatable = True

    n: int = attrs.field(validator=checks.whole(least=1))
    name: str | None = attrs.field(default=None, validator=_checks.name)
    max_wait: float | None = attrs.field(
        default=None, validator=checks.seconds().or_none("any wait"), kw_only=True
    )

    until: Literal["body", "call"] = attrs.field(
        default="body", validator=checks.one_of("body", "call"), kw_only=True
    )

    @property
    def settings(self) -> tuple[object, ...]:
        """What all tasks that share a concurrency limit have to say alike."""
        return (self.n,)
