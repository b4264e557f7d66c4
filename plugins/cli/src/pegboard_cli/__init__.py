"""The command `pegboard`: run a task, and see plugins, hooks and plans."""

from __future__ import annotations

from pegboard_cli._main import main

__all__ = ["main"]
