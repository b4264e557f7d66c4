"""TLS for the endpoint."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import TYPE_CHECKING

from pegboard import ConfigError
from pegboard.parts import checks
from pegboard_prometheus._reloaded import Reloaded

if TYPE_CHECKING:
    from ssl import SSLContext, SSLSocket


class Certificate:
    """A certificate and its key, read again when the files change.

    Args:
        certfile: PEM, with the chain.
        keyfile: PEM, without a passphrase; None when the key is in `certfile`.

    Raises:
        ConfigError: They cannot be used.
    """

    def __init__(self, certfile: Path, keyfile: Path | None) -> None:
        files = (certfile,) if keyfile is None else (certfile, keyfile)
        self._context = Reloaded(files, lambda: _context(certfile, keyfile), "certificate")

    def wrap(self, client: socket.socket) -> SSLSocket:
        """Put TLS around a connection; nothing is read or written yet."""
        return self._context.get().wrap_socket(client, server_side=True, do_handshake_on_connect=False)


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
        files = " and ".join(checks.shown(str(file)) for file in (certfile, keyfile) if file is not None)
        raise ConfigError(
            f"Prometheus(certfile=..., keyfile=...): {files} cannot be used ({error.strerror or type(error).__name__}).\n"
            f"Give a certificate and its key as PEM files that this process can read, the key without a passphrase.",
            where="Prometheus",
            key="certfile",
        ) from error
    return context
