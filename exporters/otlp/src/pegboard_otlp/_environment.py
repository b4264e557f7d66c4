"""What the OTEL_* variables say, checked; their values are never shown, as some are credentials."""

from __future__ import annotations

import math
import os
import re
from urllib.parse import unquote

import attrs

from pegboard import ConfigError

# Where the specification has a variable for each signal, that one goes before the general one.
_NAME = re.compile(r"[!#-'*+\-.0-9A-Z^-z|~]+")
_TIMEOUT = 10.0
_MILLISECONDS = 1_000.0  # what is as large is meant in milliseconds
_COMPRESSIONS = ("none", "gzip", "deflate")


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


def timeout(signal: str) -> float:
    """Return the seconds that one export may take.

    OpenTelemetry for Python reads the variables in seconds, the specification and all others in milliseconds: 10000, which
    a whole cluster may set, is 10 seconds. Nobody means 1,000 seconds or more.

    Raises:
        ConfigError: A variable has something else.
    """
    variable = found(*of_signal(signal, "TIMEOUT"))
    given = _TIMEOUT if variable is None else number(variable[0], _TIMEOUT, at_least=0.001)
    return given if given < _MILLISECONDS else given / 1_000


def compression(signal: str) -> str:
    """Return how requests are compressed: `none`, `gzip` or `deflate`.

    Raises:
        ConfigError: A variable names something else.
    """
    variable = found(*of_signal(signal, "COMPRESSION"))
    if variable is None:
        return "none"
    name = variable[1].lower()
    if name not in _COMPRESSIONS:
        raise ConfigError(
            f"{variable[0]} names a compression that is not known here, so requests would go out without.\n"
            f"Those that are: {', '.join(_COMPRESSIONS)}.",
            where=variable[0],
            key="",
        )
    return name


@attrs.frozen
class Files:
    """The files that say who is trusted, and who asks; None for what the system has.

    Attributes:
        certificate: Of the authorities that the back end's certificate is checked against.
        client_key, client_certificate: What the client shows the back end; the certificate may hold both.
    """

    certificate: str | None
    client_key: str | None
    client_certificate: str | None


def files(signal: str) -> Files:
    """Return the files of certificates and keys that the variables name.

    Raises:
        ConfigError: One cannot be read, is none, or there is a key without a certificate.
    """
    read = Files(*(_file(signal, what) for what in ("CERTIFICATE", "CLIENT_KEY", "CLIENT_CERTIFICATE")))
    if read.client_key is not None and read.client_certificate is None:
        own, general = of_signal(signal, "CLIENT_CERTIFICATE")
        raise ConfigError(
            f"there is a client key for {signal} and no client certificate, so the back end would be shown nothing.\n"
            f"Set {general} too, or {own}.",
            where=general,
            key="",
        )
    _check(read, signal)
    return read


def _check(read: Files, signal: str) -> None:
    """Load what is in the files, as a connection would, hours later."""
    import ssl

    what = "CERTIFICATE"
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        if read.certificate is not None:
            context.load_verify_locations(read.certificate)
        what = "CLIENT_CERTIFICATE"
        if read.client_certificate is not None:
            context.load_cert_chain(read.client_certificate, read.client_key, password="")
    except (ssl.SSLError, ValueError) as error:
        variable = found(*of_signal(signal, what))
        where = "" if variable is None else variable[0]
        raise ConfigError(
            f"{where} names a file that holds no certificate, or none that fits its key ({type(error).__name__}), so no "
            f"connection could be opened.\nIt has to be PEM, with a key that is not encrypted.",
            where=where,
            key="",
        ) from None


def _file(signal: str, what: str) -> str | None:
    variable = found(*of_signal(signal, what))
    if variable is None:
        return None
    if not (os.path.isfile(variable[1]) and os.access(variable[1], os.R_OK)):  # noqa: PTH113 - as it was given
        raise ConfigError(
            f"{variable[0]} names a file that cannot be read, so no connection could be trusted.\n"
            f"Correct the path, or unset the variable to use the system's certificates.",
            where=variable[0],
            key="",
        )
    return variable[1]
