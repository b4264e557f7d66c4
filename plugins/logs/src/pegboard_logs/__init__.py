"""Gives log records the ids of the call that they were written in."""

from pegboard_logs._ids import CallIds
from pegboard_logs._json import JSONFormatter
from pegboard_logs._plugin import Logs
from pegboard_logs._sentry import before_send
from pegboard_logs._structlog import add_call_ids, mask_secrets

__all__ = ["CallIds", "JSONFormatter", "Logs", "add_call_ids", "before_send", "mask_secrets"]
