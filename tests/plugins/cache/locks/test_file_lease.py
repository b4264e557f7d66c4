"""The lock on a file that one process at a time holds."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import warnings

import pytest

from pegboard_cache import FileStore
from pegboard_cache.locks.file_lease import _is_still, take

ASK = "import sys; from pathlib import Path; from pegboard_cache.locks.file_lease import take; print(take(Path(sys.argv[1])) is not None)"


def is_free(path):
    """Whether another process gets the lock."""
    done = subprocess.run([sys.executable, "-c", ASK, path], capture_output=True, text=True, check=True)
    return done.stdout == "True\n"


def test_one_process_at_a_time(tmp_path):
    """What one process holds no other gets, until it is released; then nothing is left of it."""
    path = tmp_path / "lock"
    lease = take(path)
    assert not is_free(path)
    lease.release()
    assert not path.exists()
    assert is_free(path)


def test_released_once(tmp_path):
    """A second release leaves the lock of the next holder alone."""
    path = tmp_path / "lock"
    first = take(path)
    first.release()
    second = take(path)
    first.release()
    assert path.exists()
    assert not is_free(path)
    second.release()


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_process_holds_nothing(tmp_path):
    """A process forked from the holder does not keep the lock when the holder lets go."""
    path = tmp_path / "lock"
    lease = take(path)
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(writer)
        os.read(reader, 1)  # until the parent closes its end
        os._exit(0)
    os.close(reader)
    lease.release()
    assert is_free(path)
    os.close(writer)
    os.waitpid(pid, 0)


def test_mode(tmp_path):
    """The lock file is 0600 and its folder 0700, also under umask 000."""
    before = os.umask(0)
    try:
        lease = FileStore(str(tmp_path / "cache")).lease("k")
        (file,) = (tmp_path / "cache" / "locks").iterdir()
    finally:
        os.umask(before)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    lease.release()


def test_links_are_not_followed(tmp_path):
    """Neither a lock file nor the folder of locks may be a link out of the root."""
    (tmp_path / "mine").write_text("mine")
    (tmp_path / "lock").symlink_to(tmp_path / "mine")
    with pytest.raises(OSError, match="symbolic"):
        take(tmp_path / "lock")
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "locks").symlink_to(tmp_path)
    with pytest.raises(OSError, match="link"):
        FileStore(str(tmp_path / "cache")).lease("k")
    assert (tmp_path / "mine").read_text() == "mine"


@pytest.mark.parametrize("then", ["removed", "replaced"])
def test_lock_on_a_file_that_is_gone_counts_for_nothing(tmp_path, then):
    """Whoever opened the file just before its holder removed it must ask again: others lock another file by then."""
    path = tmp_path / "lock"
    with path.open("w") as opened:
        assert _is_still(path, opened.fileno())
        path.unlink()
        if then == "replaced":
            path.touch()
        assert not _is_still(path, opened.fileno())


def test_dropped_lease_is_free(tmp_path):
    """A lease that its holder dropped, as an interrupt made it, is free at once, in this process and in others."""
    lease = take(tmp_path / "lock")
    assert not is_free(tmp_path / "lock")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        del lease
    assert is_free(tmp_path / "lock")


COUNT = """
import sys, time
from pathlib import Path
from pegboard_cache.locks.file_lease import take
path, counted = Path(sys.argv[1]), Path(sys.argv[2])
for _ in range(100):
    while (lease := take(path)) is None:
        time.sleep(0)
    counted.write_text(str(int(counted.read_text()) + 1))
    lease.release()
"""


def test_no_two_at_any_time(tmp_path):
    """Three processes that take turns three hundred times never hold the lock together."""
    counted = tmp_path / "counted"
    counted.write_text("0")
    command = [sys.executable, "-c", COUNT, tmp_path / "lock", counted]
    processes = [subprocess.Popen(command) for _ in range(3)]
    assert [process.wait(60) for process in processes] == [0, 0, 0]
    assert counted.read_text() == "300"
