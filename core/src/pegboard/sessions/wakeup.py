"""Hearing of signals while the main thread runs no handlers: in a long call of C, or about to sleep as one arrives."""

from __future__ import annotations

import os
import signal
import sys

_OWN = b"\0"


class Wakeup:
    """Where Python writes the numbers of signals the moment they arrive, whatever its threads do; on Linux alone.

    Nothing is heard where Python writes them elsewhere already, as under gunicorn. A child that was just forked writes to the
    same place, so the sender is looked at.
    """

    def __init__(self) -> None:
        import socket

        self._can_tell_senders = hasattr(socket, "SO_PASSCRED")
        if self._can_tell_senders:
            self._read, self._write = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
            self._read.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        else:
            self._read, self._write = socket.socketpair()
        self._write.setblocking(False)

    def begin(self) -> bool:
        """Have Python write signals here, and return whether it does; in the main thread."""
        if not self._can_tell_senders:
            return False
        before = signal.set_wakeup_fd(self._write.fileno(), warn_on_full_buffer=False)
        if before != -1:
            signal.set_wakeup_fd(before)
        return before == -1

    def end(self) -> None:
        """Take that back; in the main thread."""
        before = signal.set_wakeup_fd(-1)
        if before not in (-1, self._write.fileno()):
            signal.set_wakeup_fd(before)

    def wake(self) -> None:
        """Wake who waits; may be called in a signal handler."""
        try:
            self._write.send(_OWN)
        except OSError:  # full, so it wakes anyway
            return

    def next(self, seconds: float | None) -> int:
        """Wait for a signal of this process, and return its number, or 0 when somebody woke us, or it was not this process's.

        Raises:
            TimeoutError: None came.
        """
        self._read.settimeout(seconds)
        if not self._can_tell_senders:
            return self._read.recv(1)[0]
        data, sent, _, _ = self._read.recvmsg(1, 64)
        sender = int.from_bytes(sent[0][2][:4], sys.byteorder) if sent else 0
        return data[0] if sender == os.getpid() else 0

    def close(self) -> None:
        """Close it; nobody waits any more."""
        self._read.close()
        self._write.close()
