"""Every test of the core runs away from the checkout's own configuration, and leaves no trace."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from pegboard import current_call, current_session
from pegboard._context import active_session, running_call
from pegboard.testing import reset_default_session


@pytest.fixture(autouse=True)
def on_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An empty folder, no PEGBOARD_* variable, a default session not yet made; and a clean context afterwards."""
    monkeypatch.chdir(tmp_path)
    for variable in [name for name in os.environ if name.startswith("PEGBOARD_")]:
        monkeypatch.delenv(variable)
    reset_default_session()
    yield
    reset_default_session()
    left = current_session(), current_call()
    active_session.set(None)
    running_call.set(None)
    assert left == (None, None)
