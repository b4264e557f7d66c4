"""What the OTEL_* variables say, checked; their values are never shown, as some are credentials."""

from __future__ import annotations

import math
import os
import re
from urllib.parse import unquote

from pegboard import ConfigError

# Where the specification has a variable for each signal, that one goes before the general one.
_NAME = re.compile(r"[!#-'*+\-.0-9A-Z^-z|~]+")


def found(*names: str) -> tuple[str, str] | None:
    """Return the first of these variables that is set to something, with its value."""
    for name in names:
        value = os.environ.get(name, "").strip()
        if value:
            return name, value
    return None


def of_signal(signal: str, what: str) -> tuple[str, str]:
    """Return the names of a variable for one signal: its own, and the general one."""
    return f"OTEL_EXPORTER_OTLP_{signal.upper()}_{what}", f"OTEL_EXPORTER_OTLP_{what}"


def is_true(name: str) -> bool:
    """Whether a variable says yes; the specification knows `true` alone."""
    return os.environ.get(name, "").strip().lower() == "true"


def number(name: str, default: float, *, at_least: float = 0.0) -> float:
    """Return a number from a variable.

    Raises:
        ConfigError: It is none, or too small.
    """
    text = os.environ.get(name, "").strip()
    if not text:
        return default
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and value >= at_least):
        raise ConfigError(
            f"{name} is to be a number of at least {at_least:g}, and is something else, so what it limits has no limit.\n"
            f"Set it to {default:g}, the default, or unset it.",
            where=name,
            key="",
        )
    return value


def headers(signal: str) -> dict[str, str]:
    """Return the headers that the variables ask for, with lower-case names.

    Raises:
        ConfigError: They are not a list of `name=value`, URL-encoded.
    """
    variable = found(*of_signal(signal, "HEADERS"))
    if variable is None:
        return {}
    where, text = variable
    pairs = [pair.strip() for pair in text.split(",") if pair.strip()]
    return dict(_header(pair, where, position) for position, pair in enumerate(pairs, 1))


def is_header(name: str, value: str) -> bool:
    """Whether a request can carry this header."""
    return bool(_NAME.fullmatch(name)) and value.isascii() and value.isprintable()


def _header(pair: str, where: str, position: int) -> tuple[str, str]:
    name, equals, value = (part.strip() for part in pair.partition("="))
    decoded = unquote(value)
    if not equals or not is_header(unquote(name), decoded) or set('";\\') & set(value):
        raise ConfigError(
            f"entry {position} of {where} is no header, so requests would go out without it, or not at all.\n"
            f"Write name=value pairs with commas between them, values URL-encoded: authorization=Bearer%20abc,tenant=7.",
            where=where,
            key="",
        )
    return unquote(name).lower(), decoded


def check_files(signal: str) -> None:
    """See that the files of certificates and keys that the variables name are there.

    Raises:
        ConfigError: One is not.
    """
    for what in ("CERTIFICATE", "CLIENT_KEY", "CLIENT_CERTIFICATE"):
        variable = found(*of_signal(signal, what))
        if variable is not None and not os.access(variable[1], os.R_OK):
            raise ConfigError(
                f"{variable[0]} names a file that cannot be read, so no connection could be trusted.\n"
                f"Correct the path, or unset the variable to use the system's certificates.",
                where=variable[0],
                key="",
            )
