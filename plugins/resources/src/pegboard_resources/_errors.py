"""What can be missing."""

from __future__ import annotations

from pegboard import ConfigError


class PsutilMissing(ConfigError, ImportError):  # noqa: N818 - the name users read in tracebacks
    """Raised when a session with `Resources` starts where psutil cannot be imported."""
