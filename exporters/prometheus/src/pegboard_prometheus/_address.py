"""Where an endpoint may listen."""

from __future__ import annotations

import ipaddress
import socket

import attrs

from pegboard import ConfigError

LOOPBACK_NAMES = frozenset(("127.0.0.1", "::1", "localhost"))


@attrs.frozen
class Address:
    """A loopback address and a port; 0 asks for any free port.

    Attributes:
        host: As the user gave it.
        ip: The address to bind.
    """

    host: str
    ip: str
    port: int

    @property
    def family(self) -> socket.AddressFamily:
        """IPv4 or IPv6."""
        return socket.AF_INET6 if ":" in self.ip else socket.AF_INET

    def url(self, port: int) -> str:
        """Write the address of the metrics page."""
        return f"http://[{self.ip}]:{port}/metrics" if ":" in self.ip else f"http://{self.ip}:{port}/metrics"


def checked_address(host: str, port: int) -> Address:
    """Check what the user gave.

    Raises:
        ConfigError: The port is none, or the host is not this machine's loopback.
    """
    if type(port) is not int or not 0 <= port <= 65535:
        raise ConfigError(
            f"Prometheus(port={port!r}): a port is a number from 1 to 65535, or 0 for any that is free.",
            where="Prometheus",
            key="port",
        )
    return Address(host, _loopback(host), port)


def _loopback(host: str) -> str:
    if host == "localhost":  # never asked of a resolver, which may answer anything
        return "127.0.0.1"
    try:
        ip = ipaddress.ip_address(host)
    except ValueError:
        ip = None
    if ip is not None and ip.is_loopback:
        return str(ip)
    raise ConfigError(
        f"Prometheus(host={host!r}) would answer other machines, and the endpoint has neither a token nor TLS yet: anybody who "
        f"reaches it could read the names and error types of all tasks.\n"
        f"Leave host at '127.0.0.1' (or 'localhost', '::1'), and let Prometheus on this machine, or a proxy that "
        f"authenticates, scrape it from there.",
        where="Prometheus",
        key="host",
    )
