"""The fixtures that come with the package."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from pegboard import current_session


def test_the_fixtures_come_with_the_package(tmp_path: Path) -> None:
    """pegboard_session is open, strict, on a fake clock and recorded; its plugin registers itself."""
    (tmp_path / "test_user.py").write_text(
        "from pegboard import current_session, task\n"
        "@task\n"
        "def work(): current_session().clock.sleep(3600)\n"
        "def test_it(pegboard_session, pegboard_recorder, pegboard_clock):\n"
        "    assert current_session() is pegboard_session and pegboard_session.strict\n"
        "    work()\n"
        "    assert pegboard_clock.sleeps == [3600]\n"
        "    assert pegboard_recorder.log()[-1] == 'after_execute ok/run 1'\n"
    )
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "1 passed" in done.stdout, done.stdout + done.stderr
    assert current_session() is None
