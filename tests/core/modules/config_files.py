"""Files of configuration, written for a test."""

from __future__ import annotations

from pathlib import Path

from pegboard.testing import reset_default_session


def write(folder: Path, text: str, name: str = "pegboard.toml") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text(text, encoding="utf-8")
    reset_default_session()
    return path
