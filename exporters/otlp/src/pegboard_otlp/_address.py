"""Addresses of collectors: checked, and parted from the credentials in them."""

from __future__ import annotations

import base64
import re
from urllib.parse import SplitResult, unquote, urlsplit

import attrs

from pegboard import ConfigError

_SIGNAL_PATH = re.compile(r"/v1/(traces|metrics|logs)/?$")


@attrs.frozen
class Address:
    """Where a collector listens.

    Attributes:
        scheme: `http` or `https`.
        host: In lower case, in brackets if it is an IPv6 address.
        place: Host and port.
        path: As it was given; "" for none.
        query: What follows a question mark; may be a credential.
        authorization: The value of the header that name and password in the address stand for, or None.
    """

    scheme: str
    host: str
    place: str
    path: str
    query: str = attrs.field(repr=False)
    authorization: str | None = attrs.field(repr=False)

    @property
    def url(self) -> str:
        """The whole address, with its query and without name and password."""
        return f"{self.shown}?{self.query}" if self.query else self.shown

    @property
    def shown(self) -> str:
        """The address as it may be printed."""
        return f"{self.scheme}://{self.place}{self.path}"

    @property
    def origin(self) -> tuple[str, str]:
        """What tells servers apart: the scheme, and host and port."""
        default = {"http": ":80", "https": ":443"}[self.scheme]
        return self.scheme, self.place if self.place != self.host else self.host + default

    def of_signal(self, signal: str) -> Address:
        """Return the address of one signal below this one, by the rule of the OTLP specification."""
        return attrs.evolve(self, path=f"{self.path.rstrip('/')}/v1/{signal}")

    def base(self) -> Address:
        """Return the address that the signals are below, if this is one of a signal."""
        return attrs.evolve(self, path=_SIGNAL_PATH.sub("", self.path))

    def may_lead_to(self, other: Address) -> bool:
        """Whether what was meant for this address, credentials included, may go to another that a redirect names.

        The same server may be, and the same host with encryption where there was none.
        """
        if self.host != other.host:
            return False
        return self.origin == other.origin or (self.scheme, other.scheme) == ("http", "https")


def parse_address(text: str, where: str, key: str) -> Address:
    """Read an address.

    Args:
        text: As given.
        where: The variable or class that it comes from, for the error.
        key: The parameter, for the error.

    Raises:
        ConfigError: It is none, or of another scheme; the address itself is not shown.
    """
    try:
        parts = urlsplit(text.strip())
        port = parts.port
    except ValueError:
        parts, port = SplitResult("", "", "", "", ""), None
    if parts.scheme not in ("http", "https") or not parts.hostname or any(c.isspace() for c in text.strip()):
        raise ConfigError(
            f"{_named(where, key)} is no address that OTLP can be sent to: it has to begin with http:// or https:// and "
            f"name a host.\nFor a collector on this machine: http://localhost:4318, or http://localhost:4317 for gRPC.",
            where=where,
            key=key,
        )
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return Address(
        scheme=parts.scheme,
        host=host,
        place=host if port is None else f"{host}:{port}",
        path=parts.path,
        query=parts.query,
        authorization=_authorization(parts),
    )


def _authorization(parts: SplitResult) -> str | None:
    if parts.username is None and parts.password is None:
        return None
    pair = f"{unquote(parts.username or '')}:{unquote(parts.password or '')}"
    return f"Basic {base64.b64encode(pair.encode()).decode()}"


def _named(where: str, key: str) -> str:
    return f"{where}({key}=...)" if key else where
