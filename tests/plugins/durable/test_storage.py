"""A disk that is really full."""

from __future__ import annotations

import subprocess

import pytest

from pegboard import Durability, Durable, Session, task
from pegboard_durable import JournalUnavailable, Status


@pytest.fixture
def small_disk(tmp_path):
    """A folder on a disk of 3 MB, and what makes it larger."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("disks may not be mounted here")

    def grow():
        subprocess.run(["mount", "-o", "remount,size=60m", str(folder)], check=True)

    yield folder, grow
    subprocess.run(["umount", str(folder)], check=True)


@task(Durable())
def big(x):
    EFFECTS.append(x)
    return str(x) * 100_000


@task(Durable())
def order():
    return sum(len(big(x)) for x in range(60))


EFFECTS: list[int] = []


def test_a_run_goes_on_when_there_is_space_again(small_disk):
    """Nothing is recorded as failed, and only the step whose outcome had no room runs again."""
    folder, grow = small_disk
    with Session(Durability(f"sqlite:///{folder / 'journal.db'}")) as session:
        durability = session[Durability]
        for _ in range(2):
            with pytest.raises(JournalUnavailable, match="disk is full"):
                durability.run(order, run_id="o")
            assert durability.get("o").status is Status.RUNNING
        grow()
        assert durability.resume("o").value == sum(len(str(x)) * 100_000 for x in range(60))
    repeated = len(EFFECTS) - len(set(EFFECTS))
    assert 1 <= repeated <= 2
