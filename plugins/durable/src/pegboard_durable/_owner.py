"""Who works on a run: a process of a machine, told apart from a later one of the same number."""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import NamedTuple, Self


class Owner(NamedTuple):
    """A process.

    Attributes:
        boot: Of the machine: an id that is another one after each start; empty where there is none.
        namespace: Of process ids: two containers of one machine have one each.
        pid: Of the process.
        started: When it started, in ticks since the boot.
        random: Apart for two owners in one process.
    """

    boot: str
    namespace: str
    pid: int
    started: str
    random: str

    def __str__(self) -> str:
        return "/".join(map(str, self))

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """Read an owner; None for a text that is none."""
        parts = text.split("/")
        if len(parts) != len(cls._fields) or not parts[2].isdecimal():
            return None
        return cls(parts[0], parts[1], int(parts[2]), parts[3], parts[4])

    @classmethod
    def here(cls) -> Self:
        """This process."""
        pid = os.getpid()
        return cls(_boot(), _namespace(), pid, _started(pid), secrets.token_hex(4))

    def is_dead(self, seen_from: Owner) -> bool:
        """Whether the process can be seen to have ended: only by one of the same machine and namespace."""
        if not self.boot or (self.boot, self.namespace) != (seen_from.boot, seen_from.namespace):
            return False
        return _started(self.pid) != self.started


def _boot() -> str:
    return _read("/proc/sys/kernel/random/boot_id")


def _namespace() -> str:
    try:
        return str(Path("/proc/self/ns/pid").readlink()).strip("pid:[]")
    except OSError:
        return ""


def _started(pid: int) -> str:
    """When a process started; empty when there is none. A zombie has ended, too."""
    _, _, rest = _read(f"/proc/{pid}/stat").rpartition(")")
    fields = rest.split()
    return "" if not fields or fields[0] in "ZX" else fields[19]


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="ascii", errors="replace").strip()
    except OSError:
        return ""
