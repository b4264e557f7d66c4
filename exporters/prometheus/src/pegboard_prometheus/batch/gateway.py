"""Where a push goes."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from urllib.parse import SplitResult, quote, unquote, urlsplit

import attrs

from pegboard import ConfigError
from pegboard_metrics import names

_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_RESERVED = frozenset(names.ATTRIBUTES) | {"job", "le"}


@attrs.frozen
class Gateway:
    """A group of metrics at a push gateway.

    Attributes:
        secure: Whether to use TLS.
        host: Name or address.
        port: TCP port.
        path: Of the group.
        authorization: Value of the header, or "".
        password: The password in it, or "".
        url: The address of the group, without user and password.
    """

    secure: bool
    host: str
    port: int
    path: str
    authorization: str = attrs.field(repr=False)
    password: str = attrs.field(repr=False)
    url: str


def checked_gateway(address: str, job: object, grouping: Mapping[str, object]) -> Gateway:
    """Read what the user gave.

    Raises:
        ConfigError: The address, job or a label cannot be used; no message holds a password.
    """
    labels = {"job": _checked_job(job), **_checked_grouping(grouping)}
    parts, host, port = _checked_address(address)
    group = "".join(_segment(label, value) for label, value in labels.items())
    path = f"{parts.path.rstrip('/')}/metrics{group}"
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    basic = base64.b64encode(f"{user}:{password}".encode()).decode()
    bracketed = f"[{host}]" if ":" in host else host
    return Gateway(
        parts.scheme == "https",
        host,
        port,
        path,
        f"Basic {basic}" if user or password else "",
        password,
        f"{parts.scheme}://{bracketed}:{port}{path}",
    )


def _checked_job(job: object) -> str:
    if not isinstance(job, str) or not job:
        raise _config_error("job", "a name is meant, under which the gateway keeps these metrics.")
    return job


def _checked_grouping(grouping: Mapping[str, object]) -> dict[str, str]:
    labels = {}
    for label, value in grouping.items():
        is_free = _LABEL.fullmatch(label) and not label.startswith("__") and label not in _RESERVED
        if not is_free or not isinstance(value, str):
            taken = ", ".join(sorted(_RESERVED))
            raise _config_error(
                "grouping", f"{label!r} is no label of its own, with a text as value. Taken are {taken}."
            )
        labels[label] = value
    return labels


def _checked_address(address: str) -> tuple[SplitResult, str, int]:
    """Take an address apart; the host and the port are named apart, as they are known to be there."""
    try:
        parts = urlsplit(address if "://" in str(address) else f"http://{address}")
        port = parts.port or {"http": 80, "https": 443}[parts.scheme]
    except (ValueError, KeyError):
        raise _config_error("address", "host:port or a URL of http or https is meant.") from None
    if not parts.hostname or parts.query or parts.fragment:
        raise _config_error("address", "host:port or a URL of http or https is meant, without a query.")
    return parts, parts.hostname, port


def _segment(label: str, value: str) -> str:
    """Write a label of the group; what a path cannot hold goes as base64, with = for nothing."""
    if value and "/" not in value and value not in {".", ".."}:
        return f"/{label}/{quote(value, safe='')}"
    return f"/{label}@base64/{base64.urlsafe_b64encode(value.encode()).decode() or '='}"


def _config_error(setting: str, text: str) -> ConfigError:
    return ConfigError(f"PushGateway({setting}=...): {text}", where="PushGateway", key=setting)
