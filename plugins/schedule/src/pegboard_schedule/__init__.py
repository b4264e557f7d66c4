"""Runs tasks at a time, at an interval, by cron, or when something becomes true."""

from __future__ import annotations

from pegboard_schedule._at import At
from pegboard_schedule._cron import Cron
from pegboard_schedule._errors import (
    InvalidCron,
    ScheduleError,
    ScheduleStoreError,
    TriggerTimeout,
    UnknownSchedule,
)
from pegboard_schedule._every import Every
from pegboard_schedule._plugin import Scheduling
from pegboard_schedule._records import Fault, Fire, Run, Scheduled
from pegboard_schedule._trigger import Trigger
from pegboard_schedule._when import When

__all__ = [
    "At",
    "Cron",
    "Every",
    "Fault",
    "Fire",
    "InvalidCron",
    "Run",
    "ScheduleError",
    "ScheduleStoreError",
    "Scheduled",
    "Scheduling",
    "Trigger",
    "TriggerTimeout",
    "UnknownSchedule",
    "When",
]
