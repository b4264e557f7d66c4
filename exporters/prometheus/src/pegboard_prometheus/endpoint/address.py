"""Where an endpoint may listen."""

from __future__ import annotations

import ipaddress
import socket

import attrs

from pegboard import ConfigError
from pegboard.parts import checks

_PORT = checks.whole(
    least=0,
    most=65535,
    hint="0 takes any that is free, and None has none: the apps alone.",
    type_error=ConfigError,
    value_error=ConfigError,
)


@attrs.frozen
class Address:
    """An address of this machine and a port; 0 asks for any free port.

    Attributes:
        host: As the user gave it.
        ip: The address to bind.
        is_loopback: Whether only this machine can reach it.
    """

    host: str
    ip: str
    port: int
    is_loopback: bool

    @property
    def family(self) -> socket.AddressFamily:
        """IPv4 or IPv6."""
        return socket.AF_INET6 if ":" in self.ip else socket.AF_INET

    def url(self, port: int, scheme: str = "http") -> str:
        """Write the address of the metrics page, as it is reached from this machine."""
        ip = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.ip, self.ip)  # noqa: S104 - compared, not bound
        return f"{scheme}://[{ip}]:{port}/metrics" if ":" in ip else f"{scheme}://{ip}:{port}/metrics"


def checked_address(host: str, port: int, *, protected: bool = False) -> Address:
    """Check what the user gave.

    Args:
        host: An address of this machine, or `localhost`.
        port: From 0 to 65535.
        protected: Whether clients have to present a token, or the endpoint has TLS.

    Raises:
        ConfigError: The port or address is none, or other machines would read it unprotected.
    """
    _PORT.check("port", port, owner="Prometheus")
    ip = _ip(host)
    if not ip.is_loopback and not protected:
        raise ConfigError(
            f"Prometheus(host={checks.shown(host)}) would answer other machines, and it has neither a token nor TLS: anybody who reaches "
            f"it could read the names and error types of all tasks.\n"
            f"Give token=..., token_file=... or certfile=..., or leave host at '127.0.0.1' and let Prometheus on this "
            f"machine, or a proxy that authenticates, scrape it from there.",
            where="Prometheus",
            key="host",
        )
    return Address(host, str(ip), port, ip.is_loopback)


def _ip(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    if host == "localhost":  # never asked of a resolver, which may answer anything
        return ipaddress.IPv4Address("127.0.0.1")
    try:
        return ipaddress.ip_address(str(host))
    except ValueError:
        raise _no_address(host) from None


def _no_address(host: object) -> ConfigError:
    return ConfigError(
        f"Prometheus(host={checks.shown(host)}): neither 'localhost' nor an IP address, and other names are not looked up: what they mean "
        f"may change.\nLeave host at '127.0.0.1'. To answer other machines, which takes a token or TLS, give the address of "
        f"an interface, or '0.0.0.0' or '::' for all.",
        where="Prometheus",
        key="host",
    )
