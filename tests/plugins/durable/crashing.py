"""Runs a program that is killed at its k-th statement of SQL, for every k, and run again until it ends.

A program is a module with a function `main()`, called in each of its processes: it opens a session, runs or resumes what it likes, and
returns something with a `repr`. The journal's address is in `os.environ["JOURNAL"]`; `effect(text)` of this module does something that
the outside sees. One process imports the program and forks for each run of it, so that a crash costs no start of Python.

    crashes = crash_everywhere(PROGRAM, tmp_path)
    assert {crash.result for crash in crashes} == {"3"}
    assert {frozenset(crash.effects) for crash in crashes} == {frozenset({"a", "b"})}
    assert max(crash.repeats for crash in crashes) <= 1
"""

from __future__ import annotations

import importlib
import itertools
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import attrs

MOST = 2_000
TIMEOUT = 120


@attrs.frozen
class Crash:
    """What came of a program that was killed once.

    Attributes:
        point: Number of the statement that it was killed before, from 1; 0 for the run that was not killed.
        result: `repr` of what its last process returned; empty if that failed.
        effects: Lines of all its processes, in order.
        error: What the last process said, if it failed.
    """

    point: int
    result: str
    effects: tuple[str, ...]
    error: str

    @property
    def repeats(self) -> int:
        """How many effects happened again."""
        return len(self.effects) - len(set(self.effects))


def crash_everywhere(program: str, folder: Path, *, times: int = 1, every: int = 1) -> list[Crash]:
    """Run a program for each point at which it can be killed; the first of the answer was not killed.

    Args:
        program: Its source.
        folder: For its files.
        times: How many processes in a row are killed, each at its own k-th statement, before one may end.
        every: Try each so many points only.
    """
    (folder / "program.py").write_text(program, encoding="utf-8")
    arguments = [sys.executable, __file__, str(folder), str(times), str(every)]
    done = subprocess.run(arguments, capture_output=True, text=True, timeout=TIMEOUT, check=False)
    assert done.returncode == 0, done.stderr
    return [
        Crash(point, result, tuple(effects), error)
        for point, result, effects, error in json.loads(done.stdout)
    ]


def effect(text: str) -> None:
    """Append a line to a file, and have it there for good."""
    descriptor = os.open(os.environ["EFFECTS"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.write(descriptor, f"{text}\n".encode())
    os.fsync(descriptor)
    os.close(descriptor)


# The process that forks.


def _serve(folder: Path, times: int, every: int) -> None:
    sys.path[:0] = [str(folder), str(Path(__file__).parent)]
    sys.modules["crashing"] = sys.modules["__main__"]
    program = importlib.import_module("program")
    crashes = [_crashed(program, folder, 0, 0)]
    for point in itertools.count(1, every):
        crash = _crashed(program, folder, point, times)
        if crash is None or point > MOST:
            break
        crashes.append(crash)
    sys.stdout.write(json.dumps(crashes))


def _crashed(program: object, folder: Path, point: int, times: int) -> tuple[int, str, list[str], str] | None:
    """Kill a program at a point, and run it to its end; None if it never came to that point."""
    at = folder / str(point)
    at.mkdir()
    os.environ |= {"JOURNAL": f"sqlite:///{at / 'journal.db'}", "EFFECTS": str(at / "effects")}
    killed = sum(_forked(program, at, point) == signal.SIGKILL for _ in range(times))
    if times and not killed:
        return None
    _forked(program, at, 0)
    return point, _text(at / "result"), _text(at / "effects").splitlines(), _text(at / "error")


def _forked(program: object, at: Path, point: int) -> int:
    """Run a program in a process of its own; the signal that ended it, or 0."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) * -1
    try:
        signal.alarm(TIMEOUT // 2)
        if point:
            _kill_before(point)
        (at / "result").write_text(repr(program.main()), encoding="utf-8")  # type: ignore[attr-defined]
    except BaseException:  # noqa: BLE001 - whatever it is, the test tells
        import traceback

        (at / "error").write_text(traceback.format_exc(), encoding="utf-8")
    finally:
        os._exit(0)


def _kill_before(point: int) -> None:
    """Have this process killed where the k-th statement begins, on whatever connection."""
    from sqlalchemy import event
    from sqlalchemy.pool import Pool

    numbers = itertools.count(1)

    def count(statement: str) -> None:
        if not statement.startswith("PRAGMA") and next(numbers) == point:
            os.kill(os.getpid(), signal.SIGKILL)

    event.listen(Pool, "connect", lambda connection, _: connection.set_trace_callback(count))


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.exists() else ""


if __name__ == "__main__":
    _serve(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
