"""Who may read the metrics."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import attrs

from pegboard import ConfigError
from pegboard.parts import checks

if TYPE_CHECKING:
    from pegboard_prometheus.page.token import Token

ANY = "*"
_LOOPBACK = frozenset(("127.0.0.1", "::1", "localhost"))


@attrs.frozen
class Access:
    """The names under which the page may be asked for, and the token that a client has to present.

    A page of somebody's web site can make a browser on this machine ask any address, under any name that this somebody
    owns (DNS rebinding), but under no other. So a name that nobody listed is not answered. An IP address is no name: the
    one that a client has connected to is fine.

    Attributes:
        names: Lower-case names and addresses; `*` for all.
        token: None when there is none.
    """

    names: frozenset[str]
    token: Token | None

    def allows(self, host: str, local_address: str | None) -> bool:
        """Whether a Host header may name this page.

        Args:
            host: The header's value; a port in it does not matter.
            local_address: The address that the client has connected to, if it is known.
        """
        if ANY in self.names:
            return True
        name = _hostname(host)
        return name is not None and (
            name in self.names or (local_address is not None and name == _normalised(local_address))
        )


def checked_access(allowed_hosts: Iterable[str] | object, token: Token | None) -> Access:
    """Check what the user gave.

    Raises:
        ConfigError: A host is none, or all are allowed and no token is asked for.
    """
    if isinstance(allowed_hosts, str) or not isinstance(allowed_hosts, Iterable):
        allowed_hosts = (allowed_hosts,)
    names = {name if name == ANY else _name(name) for name in allowed_hosts}
    if ANY in names and token is None:
        raise ConfigError(
            "Prometheus(allowed_hosts='*') without a token: any web page could have a browser on this machine read the "
            "metrics under a name of its own.\nList the names that clients use, or give token=... too.",
            where="Prometheus",
            key="allowed_hosts",
        )
    return Access(_LOOPBACK | names, token)


def _name(given: object) -> str:
    found = _hostname(given if ":" not in given else f"[{given}]") if isinstance(given, str) else None
    if found is None or found != str(given).lower():
        raise ConfigError(
            f"Prometheus(allowed_hosts=[{checks.shown(given)}]): a host name or IP address is meant, without scheme, port and path.",
            where="Prometheus",
            key="allowed_hosts",
        )
    return found


def _hostname(host: str) -> str | None:
    """The name in a Host header, in lower case; an address in its shortest form."""
    try:
        split = urlsplit(f"//{host.strip()}")
    except ValueError:
        return None
    name = split.hostname
    if not name or split.username is not None or split.path or split.query or split.fragment:
        return None
    return _normalised(name)


def _normalised(name: str) -> str:
    try:
        address = ipaddress.ip_address(name.partition("%")[0])
    except ValueError:
        return name.lower()
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return str(mapped or address)
