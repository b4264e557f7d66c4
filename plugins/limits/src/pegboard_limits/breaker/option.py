"""What a task asks for: that it is left alone while what it calls is down."""

from __future__ import annotations

from collections.abc import Callable

import attrs

from pegboard import Option
from pegboard.parts import checks
from pegboard_limits import _checks
from pegboard_limits._checks import Errors  # noqa: TC001 - attrs may resolve the annotations


@attrs.frozen
class Breaker(Option):
    """Refuse to run the task for a while after so many failures in a row.

    Attributes:
        failures: How many consecutive attempts have to fail before the breaker opens.
        recovery: Seconds for which an open breaker refuses; then one probe at a time is let through.
        name: Tasks that name the same breaker share it, within one `Limits`. None is a breaker of the task's own.
        window: Seconds within which these failures have to lie; None counts failures of any age.
        on: Which errors are failures: a class, several, or a function that is told the error.
        unless: Which of those are none, in the same forms. An error that is no failure counts as a success: whatever
            the task calls has answered.
    """

    plugin_name = "limits"

    failures: int = attrs.field(default=5, validator=checks.whole(least=1))
    recovery: float = attrs.field(default=60.0, validator=checks.seconds(above=0))
    name: str | None = attrs.field(default=None, validator=_checks.name)
    window: float | None = attrs.field(
        default=None, validator=checks.seconds(above=0).or_none("failures of any age"), kw_only=True
    )
    on: Errors = attrs.field(default=Exception, validator=_checks.errors, kw_only=True)
    unless: Errors = attrs.field(default=(), validator=_checks.errors, kw_only=True)

    @property
    def settings(self) -> tuple[object, ...]:
        """What all tasks that share a breaker have to say alike."""
        return self.failures, self.recovery, self.window

    def counts(self) -> Callable[[Exception], bool]:
        """Return the function that decides whether an error is a failure."""
        listed, excluded = _checks.matcher(self.on), _checks.matcher(self.unless)
        return lambda error: listed(error) and not excluded(error)
