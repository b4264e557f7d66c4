"""What stands in place of the texts that are left out."""

from __future__ import annotations

LEFT_OUT = "(message and stack trace left out: a sensitive task)"
