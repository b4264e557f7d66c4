"""Parts to test tasks and plugins with: the same ones that Pegboard's own tests use."""

from __future__ import annotations

from pegboard.testing._check import check_plugin
from pegboard.testing._clock import FakeClock
from pegboard.testing._default import reset_default_session
from pegboard.testing._instruments import Instruments
from pegboard.testing._isolation import isolated
from pegboard.testing._recorder import Event, FaultyPlugin, Recorder

__all__ = [
    "Event",
    "FakeClock",
    "FaultyPlugin",
    "Instruments",
    "Recorder",
    "check_plugin",
    "isolated",
    "reset_default_session",
]
