"""TLS for the endpoint."""

from __future__ import annotations

import logging
import os
import socket
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from pegboard import ConfigError

if TYPE_CHECKING:
    from ssl import SSLContext, SSLSocket

_log = logging.getLogger("pegboard.prometheus")
_Version = tuple[tuple[int, int, int] | None, ...]


class Certificate:
    """A certificate and its key, read again when the files change, for they are renewed while programs run.

    Args:
        certfile: PEM, with the chain.
        keyfile: PEM, without a passphrase; None when the key is in `certfile`.

    Raises:
        ConfigError: They cannot be used.
    """

    def __init__(self, certfile: Path, keyfile: Path | None) -> None:
        self._files = (certfile, keyfile)
        self._guard = threading.Lock()
        self._version = self._current_version()
        self._context = _context(certfile, keyfile)

    def wrap(self, client: socket.socket) -> SSLSocket:
        """Put TLS around a connection; nothing is read or written yet."""
        self._read_again()
        return self._context.wrap_socket(client, server_side=True, do_handshake_on_connect=False)

    def _read_again(self) -> None:
        with self._guard:
            version = self._current_version()
            if version == self._version:
                return
            self._version = version
            try:
                self._context = _context(*self._files)
            except ConfigError as error:  # half of a renewal, say; the next change is another chance
                _log.warning("%s\nThe last certificate holds until then.", error)

    def _current_version(self) -> _Version:
        return tuple(_version(file) for file in self._files if file is not None)


def checked_certificate(
    certfile: str | os.PathLike[str] | None, keyfile: str | os.PathLike[str] | None
) -> Certificate | None:
    """Read what the user gave; None for no TLS.

    Raises:
        ConfigError: The files cannot be used, or there is a key without a certificate.
    """
    if certfile is not None:
        return Certificate(Path(certfile), None if keyfile is None else Path(keyfile))
    if keyfile is not None:
        raise ConfigError(
            "Prometheus(keyfile=...) has no certificate, so there would be no TLS. Give certfile=... too.",
            where="Prometheus",
            key="certfile",
        )
    return None


def _context(certfile: Path, keyfile: Path | None) -> SSLContext:
    import ssl

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(certfile, keyfile, password=lambda: "")  # instead of asking at the terminal
    except OSError as error:  # SSLError is one
        files = str(certfile) if keyfile is None else f"{certfile} and {keyfile}"
        raise ConfigError(
            f"Prometheus(certfile=..., keyfile=...): {files} cannot be used ({error.strerror or type(error).__name__}).\n"
            f"Give a certificate and its key as PEM files that this process can read, the key without a passphrase.",
            where="Prometheus",
            key="certfile",
        ) from error
    return context


def _version(file: Path) -> tuple[int, int, int] | None:
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
