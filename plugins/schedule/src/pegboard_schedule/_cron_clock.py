"""At which moments an expression is due by the clock of a zone, whatever that clock does."""

from __future__ import annotations

from datetime import tzinfo
from typing import TYPE_CHECKING

import attrs

from pegboard_schedule import _cron_rule
from pegboard_schedule._zone_changes import changes, offset

if TYPE_CHECKING:
    from pegboard_schedule._cron_fields import Fields

_NEAR = 2 * 86_400  # seconds: no clock is set by more


@attrs.frozen
class CronClock:
    """An expression and a zone; moments are whole seconds since the epoch.

    What the clock shows is looked for between its changes, where it goes on evenly. A change leaves out what it shows next,
    or shows again what it has shown.

    Source: the table of the reference; it follows Debian's cron, `man 8 cron`, without its limit of three hours.
    """

    fields: Fields
    zone: tzinfo

    def first_from(self, moment: int) -> int | None:
        """Return the first moment that is due and not earlier; None if there is none within 50 years."""
        if self._is_due_after_gap(moment):
            return moment
        ahead, shown = offset(self.zone, moment), self._shown(moment)
        while True:
            time = _cron_rule.first_from(self.fields, max(moment + ahead, shown))
            if time is None:
                return None
            change = next(changes(self.zone, moment, min(time - ahead, moment + _NEAR)), None)
            if change is not None:
                if self._is_due_after_gap(change.at):
                    return change.at
                moment, ahead, shown = change.at, change.after, self._shown(change.at)
            elif time - ahead <= moment + _NEAR:
                return time - ahead
            else:  # nothing is due in between, however often the clock changes
                moment = time - ahead - _NEAR
                ahead, shown = offset(self.zone, moment), self._shown(moment)

    def count(self, begin: int, end: int) -> int:
        """Return how many moments are due from `begin` on until `end`, that included."""
        total = 0
        for change in changes(self.zone, begin, end):
            total += self._count_evenly(begin, change.at)
            begin = change.at
        return total + self._count_evenly(begin, end + 1)

    def last_until(self, moment: int) -> int:
        """Return the last moment that is due and not later; there has to be one."""
        span = 60
        while not (number := self.count(moment - span, moment)):
            span *= 2
        found = moment - span
        for _ in range(number):
            found = self._following(found)
        return found - 1

    def _following(self, moment: int) -> int:
        found = self.first_from(moment)
        assert found is not None, "it was counted"  # noqa: S101 - for the type checker
        return found + 1

    def _count_evenly(self, begin: int, end: int) -> int:
        """Return how many moments are due from `begin` until before `end`, between which the clock is not set."""
        ahead, shown = offset(self.zone, begin), self._shown(begin)
        number = _cron_rule.count(self.fields, max(begin + ahead, shown), end + ahead)
        if begin < end and self._is_due_after_gap(begin):
            number += 1 - _cron_rule.count(self.fields, begin + ahead, begin + ahead + 1)
        return number

    def _shown(self, moment: int) -> int:
        """Return up to where the clock has shown everything: a fixed time is due in the first of two."""
        if self.fields.elapsed:
            return -(1 << 62)
        near = changes(self.zone, moment - _NEAR, moment)
        return max((each.at + each.before for each in near), default=-(1 << 62))

    def _is_due_after_gap(self, moment: int) -> bool:
        """Whether the clock is set at this moment, and a fixed time is among those that it leaves out."""
        if self.fields.elapsed:
            return False
        set_here = changes(self.zone, moment - 1, moment)
        return any(
            _cron_rule.count(self.fields, moment + each.before, moment + each.after) for each in set_here
        )
