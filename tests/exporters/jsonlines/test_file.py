"""A file that is shared, rotated, full, or not what it should be."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import textwrap
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from pegboard import ConfigError, Session, task
from pegboard.testing import FakeClock
from pegboard_jsonlines import JSONLines


@task
def leaf(x=1):
    return x


def open_files():
    """How many files this process has open."""
    return len(list(Path("/proc/self/fd").iterdir()))


def run(path, code):
    """Run a program that writes lines for a task `leaf`, with `path` as its argument."""
    start = "import sys; from pegboard import Session, task; from pegboard_jsonlines import JSONLines\n"
    start += "@task\ndef leaf(x=1): return x\n"
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", start + textwrap.dedent(code), path],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip


def test_only_the_owner_may_read(path):
    """Mode 0600, also under umask 000."""
    before = os.umask(0)
    try:
        with Session(JSONLines(path), inherit=False):
            leaf()
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_lines_are_appended(path, read):
    """One session after another, also of one instance; what stands there stays."""
    path.write_text('{"event": "mine"}\n')
    plugin = JSONLines(str(path))
    for _ in range(2):
        with Session(plugin, inherit=False):
            leaf()
    assert [line["event"] for line in read()] == ["mine", "call", "call"]


def test_a_line_is_there_when_the_call_has_ended(path, read):
    """Nothing is kept back."""
    with Session(JSONLines(path), inherit=False):
        leaf()
        assert len(read()) == 1


def test_the_file_is_closed_with_the_session(path):
    """No descriptor is left over."""
    before, clock = open_files(), FakeClock()
    for number in range(3):
        with Session(JSONLines(path), clock, inherit=False):
            leaf()
            path.rename(f"{path}.{number}")
            clock.advance(1)
            leaf()
        with pytest.raises(ConfigError), Session(JSONLines(os.devnull), inherit=False):
            pass
    assert open_files() == before


@pytest.mark.parametrize(
    "kind", ["link", "dangling link", "folder", "pipe", "no folder", "NUL", "not allowed"]
)
def test_what_cannot_be_appended_to_stops_the_start(tmp_path, path, kind):
    """No link is followed; the error names file and setting, at the start and not at the first call."""
    target = tmp_path / "target"
    if kind == "link":
        target.write_text("")
        path.symlink_to(target)
    elif kind == "dangling link":
        path.symlink_to(target)
    elif kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "no folder":
        path = tmp_path / "none" / "calls.jsonl"
    elif kind == "NUL":
        path = "a\0b"
    else:
        path = "/proc/version"
    session = Session(JSONLines(path), inherit=False)
    with pytest.raises(ConfigError, match="JSONLines cannot append to") as caught, session:
        pass
    assert (caught.value.where, caught.value.key) == ("JSONLines", "file")
    assert not session.is_open
    assert not target.exists() or not target.read_text()


def test_eight_threads_mix_no_lines(path, read):
    """Every call has its line, whole."""
    with ThreadPoolExecutor(8) as pool, Session(JSONLines(path), inherit=False, executor=pool):
        list(leaf.map(range(2_000)))
    lines = read()
    assert sorted(line["map_index"] for line in lines) == list(range(2_000))
    assert len({line["call_id"] for line in lines}) == 2_000


def test_two_processes_share_a_file(path, read):
    """Lines of both, none mixed, and their call ids differ."""
    code = "with Session(JSONLines(sys.argv[1])):\n    for _ in range(1000): leaf()"
    with ThreadPoolExecutor(2) as pool:
        done = list(pool.map(lambda _: run(path, code), range(2)))
    assert [each.returncode for each in done] == [0, 0], done
    lines = read()
    assert len({line["call_id"] for line in lines}) == len(lines) == 2_000
    assert len({line["session_id"] for line in lines}) == 2


def test_a_fork_writes_on(path, read):
    """A child that a session is open in appends to the same file, whatever other threads did when it was made."""
    code = """
    import os
    with Session(JSONLines(sys.argv[1])):
        leaf()
        child = os.fork()
        leaf()
        if not child:
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
    """
    done = run(path, code)
    assert done.returncode == 0, done.stderr
    assert len({line["call_id"] for line in read()}) == 3


def test_a_rotated_file_is_opened_anew(path, read, tmp_path):
    """Moved away as logrotate does, with and without a new file in its place; the next look is a second later."""
    clock, old = FakeClock(), tmp_path / "calls.jsonl.1"
    with Session(JSONLines(path), clock, inherit=False):
        leaf()
        path.rename(old)
        leaf()
        clock.advance(1)
        leaf()
        assert (len(read(old)), len(read())) == (2, 1)
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        path.unlink()
        path.write_text("")
        clock.advance(-5)  # a wall clock may be set back
        leaf()
        assert len(read()) == 1


def test_threads_write_on_while_the_file_is_rotated(path, read, tmp_path):
    """No line is lost or torn, and none goes elsewhere."""
    stop, plugin, clock = threading.Event(), JSONLines(path), FakeClock()
    counts = []

    def write():
        count = 0
        while not stop.is_set():
            leaf()
            count += 1
        counts.append(count)

    import contextvars

    with Session(plugin, clock, inherit=False):
        threads = [threading.Thread(target=contextvars.copy_context().run, args=(write,)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for number in range(30):
            path.rename(tmp_path / f"old.{number}")
            clock.advance(1)
            while not path.exists():
                stop.wait(0.001)
        stop.set()
        for thread in threads:
            thread.join(10)
    files = [path, *tmp_path.glob("old.*")]
    assert sum(len(read(file)) for file in files) == sum(counts)
    assert plugin.dropped == 0


def test_a_link_put_in_its_place_is_not_followed(path, read, tmp_path, caplog):
    """Lines go on to the file that it was, and that is said once."""
    clock, old, target = FakeClock(), tmp_path / "old", tmp_path / "target"
    with Session(JSONLines(path), clock, inherit=False):
        leaf()
        path.rename(old)
        path.symlink_to(target)
        for _ in range(3):
            clock.advance(1)
            leaf()
    assert len(read(old)) == 4
    assert not target.exists()
    assert [record.getMessage().partition(" anew: ")[0] for record in caplog.records] == [
        f"cannot open {path}"
    ]


def test_a_full_disk_is_said_once_and_counted(path):
    """Tasks never notice; a line that could be written in part alone spoils no other, and writing goes on when it can."""
    code = """
    import json, logging, resource, signal
    from pathlib import Path
    logging.basicConfig(format="%(name)s %(message)s")
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    most = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
    plugin = JSONLines(sys.argv[1])
    with Session(plugin) as session:
        leaf()
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, most))
        assert [leaf(x) for x in range(10)] == list(range(10))
        assert not session.observer_errors
        lost = plugin.dropped
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
        leaf()
        leaf()
    *lines, _ = Path(sys.argv[1]).read_text().split("\\n")
    def whole(line):
        try: return bool(json.loads(line))
        except ValueError: return False
    print(lost, plugin.dropped, sum(map(whole, lines)), len(lines))
    """
    done = run(path, code)
    assert done.returncode == 0, done.stderr
    lost, counted, whole, lines = map(int, done.stdout.split())
    assert lost == counted == 13 - whole
    assert lost > 5
    assert lines == whole + 1  # the one that was torn
    first, second = done.stderr.splitlines()
    assert first.startswith(
        f"pegboard.jsonlines cannot write to {path}: only a part of a line could be written; "
    )
    assert second == f"pegboard.jsonlines {lost} lines were not written to {path}"


def test_a_stream_that_its_session_closed_has_its_line(path, read):
    """Though it was not over, and its consumer closes it later."""

    @task
    def stream():
        yield 1

    plugin = JSONLines(path)
    with Session(plugin, inherit=False):
        left = stream()
        next(left)
    left.close()
    (line,) = read()
    assert (line["task"], line["status"]) == ("stream", "closed")
    assert plugin.dropped == 0
