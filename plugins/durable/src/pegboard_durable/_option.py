"""What a task asks for: that its outcome is journaled."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal

import attrs

from pegboard import Option
from pegboard.parts import checks
from pegboard_durable._tasks import TASKS

if TYPE_CHECKING:
    from pegboard import Task

_MEGABYTE = 1024 * 1024


@attrs.frozen
class Probe:
    """A function that finds out whether a step had its effect; made by `probe`."""

    function: Callable[..., Any] = attrs.field(validator=checks.callable_())


def probe(function: Callable[..., Any]) -> Probe:
    """Have a function find out whether a step had its effect, where nobody recorded it: for `Durable(on_doubt=...)`.

    Args:
        function: Takes the arguments of the step. It returns what the step returned, or raises `LookupError` if the step had
            no effect, and is to run.
    """
    return Probe(function)


def _refuse_other_doubt(_: object, __: attrs.Attribute[Any], value: object) -> None:
    if value not in ("raise", "rerun") and not isinstance(value, Probe):
        raise TypeError(
            f"Durable: on_doubt is 'raise', 'rerun' or probe(function), not {checks.shown(value)}."
        )


@attrs.frozen
class Durable(Option):
    """Make a task a durable run, or a step of the run that it is called in.

    Called outside of a run it begins one, whose id, input, steps and outcome are in the journal; inside, its outcome is
    recorded, and a resumed run gets it without running it again.

    Attributes:
        key: What the step is called in the journal; None is the task's static name. Another name is another step.
        effect: `repeat`: it may run again where nobody recorded how it ended. `once`: the intent is written before; where there
            is one without an outcome, `on_doubt` decides.
        on_change: What a resumed run does where it calls the step with other arguments than were recorded: `raise`, `rerun`
            it, or `trust` what was recorded.
        on_doubt: `raise` an `InDoubt`, `rerun` it, or `probe(function)`, which finds out.
        commit_every: In a map, how many outcomes are recorded together: so many items may run again after a crash. Of a generator, how
            many items. Not of a task with `effect="once"`.
        max_bytes: The most that a value of it may take in the journal.
    """

    plugin_name = "durable"
    key: str | None = attrs.field(default=None, validator=checks.text().or_none("the task's name"))
    effect: Literal["repeat", "once"] = attrs.field(
        default="repeat", validator=checks.one_of("repeat", "once"), kw_only=True
    )
    on_change: Literal["raise", "rerun", "trust"] = attrs.field(
        default="raise", validator=checks.one_of("raise", "rerun", "trust"), kw_only=True
    )
    on_doubt: Literal["raise", "rerun"] | Probe = attrs.field(
        default="raise", validator=_refuse_other_doubt, kw_only=True
    )
    commit_every: int = attrs.field(default=1, validator=checks.whole(least=1), kw_only=True)
    max_bytes: int = attrs.field(default=16 * _MEGABYTE, validator=checks.whole(least=1), kw_only=True)

    def check(self, task: Task[..., Any]) -> None:
        """Have the task be found by name when a run of it is resumed."""
        TASKS.add(task)
