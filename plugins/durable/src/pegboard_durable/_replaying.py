"""Whether a program still does what was recorded of a run: its own code runs again, and no step."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NoReturn

import attrs

from pegboard import Suspended
from pegboard_durable._errors import CodeChanged, JournalDiverged
from pegboard_durable._execution import Execution

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from pegboard import TaskResult
    from pegboard_durable._records import Step


@attrs.frozen
class Replay:
    """What a replay of a recorded run found.

    Attributes:
        run_id: Of the run.
        diverged: The first place where the program does something else than was recorded; None without one.
        orphans: Keys of recorded steps that the program does not call any more.
        changed: Keys of steps whose code was edited; empty for the run's own task.
        is_complete: Whether the program came to its end with what is recorded; else there would be new work to do.
        error: What the program failed with, or None.
    """

    run_id: str
    diverged: JournalDiverged | None
    orphans: tuple[str, ...]
    changed: tuple[str, ...]
    is_complete: bool
    error: Exception | None = attrs.field(repr=lambda error: type(error).__name__)

    @property
    def ok(self) -> bool:
        """Whether a resumed run would go on as it was recorded."""
        return self.diverged is None and not self.orphans

    def raise_divergence(self) -> None:
        """Raise what was found.

        Raises:
            JournalDiverged: The program does something else, or less.
        """
        if self.diverged is not None:
            raise self.diverged
        if self.orphans:
            raise JournalDiverged(
                f"run {self.run_id!r} recorded {', '.join(map(repr, self.orphans))}, and the program does not do that any more.",
                run_id=self.run_id,
                key=self.orphans[0],
                recorded="",
                now="",
            )


class EndOfRecord(Suspended):
    """Leaves a run that is replayed where new work would begin."""


class ReplayedExecution(Execution):
    """A run whose code runs again, of which nothing is written and nothing begins."""

    is_replay = True

    def check_new(self, *, is_undo: bool = False) -> NoReturn:  # noqa: ARG002 - as of a run
        """End the replay."""
        raise EndOfRecord("new work would begin here")

    def write(self, steps: Sequence[Step] = ()) -> None:
        """Know of rows, and write none."""
        for step in steps:
            self.note(step)

    async def awrite(self, steps: Sequence[Step] = ()) -> None:
        """Do what `write` does."""
        self.write(steps)

    def write_on(self, connection: Connection, steps: Sequence[Step]) -> None:  # noqa: ARG002 - as of a run
        """Do what `write` does."""
        self.write(steps)

    def take_signal(self, name: str, step: Step, wrap: Callable[[bytes], bytes]) -> NoReturn:  # noqa: ARG002
        """End the replay: a signal would be taken."""
        raise EndOfRecord("a signal would be taken here")

    def told(self, result: TaskResult[Any] | None) -> Replay:
        """Tell what was found, of how the run's own code ended; None where it came to new work."""
        error = None if result is None else result.error
        diverged = error if isinstance(error, JournalDiverged) else None
        is_its_own = isinstance(error, Exception) and not isinstance(error, (JournalDiverged, CodeChanged))
        return Replay(
            run_id=self.run_id,
            diverged=diverged,
            orphans=tuple(self.found_orphans),
            changed=tuple(self.found_changed),
            is_complete=result is not None and diverged is None,
            error=error if is_its_own and isinstance(error, Exception) else None,
        )
