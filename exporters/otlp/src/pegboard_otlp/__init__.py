"""Sends traces, metrics and logs to an OTLP back end."""

from __future__ import annotations

from pegboard_otlp._plugin import OTLP
from pegboard_otlp._sigterm import install_sigterm

__all__ = ["OTLP", "install_sigterm"]
