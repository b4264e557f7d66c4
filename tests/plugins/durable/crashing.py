"""Runs a program that is killed at its k-th statement of SQL, for every k, and run again until it ends.

A program is a module with a function `main()`, called in each of its processes: it opens a session, runs or resumes what it likes, and
returns something with a `repr`. The journal's address is in `os.environ["JOURNAL"]`; `effect(text)` of this module does something that
the outside sees. One process imports the program and forks for each run of it, so that a crash costs no start of Python.

    crashes = crash_everywhere(PROGRAM, tmp_path)
    assert {crash.result for crash in crashes} == {"3"}
    assert {frozenset(crash.effects) for crash in crashes} == {frozenset({"a", "b"})}
    assert max(crash.repeats for crash in crashes) <= 1

`run_together` runs functions of a program in processes that are there at the same time.
"""

from __future__ import annotations

import importlib
import itertools
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import attrs

MOST = 2_000
TIMEOUT = 110


@attrs.frozen
class Crash:
    """What came of a program that was killed.

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


@attrs.frozen
class Ended:
    """How a process of a program ended.

    Attributes:
        code: Its exit status; that of a signal is negative.
        result: `repr` of what its function returned; empty if it failed.
        error: The traceback, if it did.
    """

    code: int
    result: str
    error: str


def may_trace() -> bool:
    """Whether a process may be traced here, as `at="writes"` needs.

    Raises:
        FileNotFoundError: There is no strace; it is a package of Debian.
    """
    with subprocess.Popen(["sleep", "60"]) as sleeper:
        traced = ["timeout", "1", "strace", "-qq", "-o", "/dev/null", "-p", str(sleeper.pid)]
        code = subprocess.run(traced, capture_output=True, check=False).returncode
        sleeper.kill()
    return code == 124  # `timeout` ended it, and not it itself


def crash_everywhere(
    program: str, folder: Path, *, times: int = 1, every: int = 1, at: str = "statements"
) -> list[Crash]:
    """Run a program for each point at which it can be killed; the first of the answer was not killed.

    Args:
        program: Its source.
        folder: For its files.
        times: How many processes in a row are killed, each at its own k-th statement, before one may end.
        every: Try each so many points only.
        at: What counts as a point: `statements` of SQL, or `writes` and syncs of files, which strace sees.
    """
    answer = _served(program, folder, {"crash": [times, every, at]})
    return [Crash(point, result, tuple(effects), error) for point, result, effects, error in answer]


def run_together(
    program: str, folder: Path, *rounds: list[str], python: tuple[str, ...] = (sys.executable,)
) -> list[list[Ended]]:
    """Run functions of a program, those of a round each in a process of its own and at once, one round after the other.

    All have one journal; what `effect` wrote is in `effects_in(folder)`.

    Args:
        program: Its source.
        folder: For its files.
        rounds: Names of functions.
        python: The command that runs Python.
    """
    answer = _served(program, folder, {"rounds": rounds}, python)
    return [[Ended(*ended) for ended in each] for each in answer]


def _served(program: str, folder: Path, what: dict, python: tuple[str, ...] = (sys.executable,)) -> list:
    (folder / "program.py").write_text(program, encoding="utf-8")
    arguments = [*python, __file__, str(folder), json.dumps(what)]
    done = subprocess.run(arguments, capture_output=True, text=True, timeout=TIMEOUT, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def effect(text: str) -> None:
    """Append a line to a file, and have it there for good."""
    descriptor = os.open(os.environ["EFFECTS"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.write(descriptor, f"{text}\n".encode())
    os.fsync(descriptor)
    os.close(descriptor)


def effects_in(folder: Path) -> list[str]:
    """Return what `effect` wrote there."""
    return _text(folder / "effects").splitlines()


def wait_for_effect(text: str) -> None:
    """In a program: wait until another process had an effect."""
    end = time.monotonic() + TIMEOUT / 2
    while text not in effects_in(Path(os.environ["EFFECTS"]).parent):
        assert time.monotonic() < end, f"nobody wrote {text!r}"
        time.sleep(0.01)


# The process that forks.


def _serve(folder: Path, what: dict) -> None:
    sys.path[:0] = [str(folder), str(Path(__file__).parent)]
    sys.modules["crashing"] = sys.modules["__main__"]
    _point_at(folder)
    program = importlib.import_module("program")
    if "crash" in what:
        answer = _crashes(program, folder, *what["crash"])
    else:
        answer = [_round(program, folder, names) for names in what["rounds"]]
    sys.stdout.write(json.dumps(answer))


def _point_at(folder: Path) -> None:
    os.environ |= {"JOURNAL": f"sqlite:///{folder / 'journal.db'}", "EFFECTS": str(folder / "effects")}


def _crashes(program: object, folder: Path, times: int, every: int, where: str) -> list:
    crashes = [_crashed(program, folder, 0, 0, where)]
    for point in itertools.count(1, every):
        crash = _crashed(program, folder, point, times, where)
        if crash is None or point > MOST:
            break
        crashes.append(crash)
    return crashes


def _crashed(
    program: object, folder: Path, point: int, times: int, where: str
) -> tuple[int, str, list[str], str] | None:
    """Kill a program at a point, and run it to its end; None if it never came to that point."""
    at = folder / str(point)
    at.mkdir()
    _point_at(at)
    killed = sum(
        _ended(_forked(program, at, "main", point, where), at)[0] == -signal.SIGKILL for _ in range(times)
    )
    if times and not killed:
        return None
    _, result, error = _ended(_forked(program, at, "main"), at)
    return point, result, effects_in(at), error


def _round(program: object, folder: Path, names: list[str]) -> list[tuple[int, str, str]]:
    at = [folder / f"process-{number}" for number in range(len(names))]
    for each in at:
        each.mkdir(exist_ok=True)
    children = [_forked(program, each, name) for each, name in zip(at, names, strict=True)]
    return [_ended(child, each) for child, each in zip(children, at, strict=True)]


def _forked(program: object, at: Path, name: str, point: int = 0, where: str = "") -> int:
    """Run a function of a program in a process of its own; its pid."""
    for before in ("result", "error"):
        (at / before).unlink(missing_ok=True)
    child = os.fork()
    if child:
        return child
    code = 0
    try:
        signal.alarm(TIMEOUT // 2)
        if point:
            (_kill_at_write if where == "writes" else _kill_before)(point)
        (at / "result").write_text(repr(getattr(program, name)()), encoding="utf-8")
    except SystemExit as left:
        code = left.code
    except BaseException:  # noqa: BLE001 - whatever it is, the test tells
        import traceback

        code = 1
        (at / "error").write_text(traceback.format_exc(), encoding="utf-8")
    finally:
        os._exit(code)


def _ended(child: int, at: Path) -> tuple[int, str, str]:
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return code, _text(at / "result"), _text(at / "error")


def _kill_before(point: int) -> None:
    """Have this process killed where the k-th statement begins, on whatever connection."""
    from sqlalchemy import event
    from sqlalchemy.pool import Pool

    numbers = itertools.count(1)

    def count(statement: str) -> None:
        if not statement.startswith("PRAGMA") and next(numbers) == point:
            os.kill(os.getpid(), signal.SIGKILL)

    event.listen(Pool, "connect", lambda connection, _: connection.set_trace_callback(count))


def _kill_at_write(point: int) -> None:
    """Have this process killed where it writes to a file, or syncs one, for the k-th time."""
    calls = "pwrite64,fdatasync"
    options = [
        "-f",
        "-o",
        "/dev/null",
        "-e",
        f"trace={calls}",
        "-e",
        f"inject={calls}:signal=SIGKILL:when={point}",
    ]
    tracer = subprocess.Popen(["strace", *options, "-p", str(os.getpid())], stderr=subprocess.PIPE, text=True)
    said = tracer.stderr.readline()
    assert "attached" in said, said


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.exists() else ""


if __name__ == "__main__":
    _serve(Path(sys.argv[1]), json.loads(sys.argv[2]))
