"""Where one signal goes, and how: arguments before variables, a signal's own variables before the general ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, get_args

import attrs

from pegboard import ConfigError
from pegboard_otlp import _environment
from pegboard_otlp._address import Address, parse_address

Signal = Literal["traces", "metrics", "logs"]
Protocol = Literal["http/protobuf", "grpc"]

_DEFAULTS: Mapping[str, str] = {"http/protobuf": "http://localhost:4318", "grpc": "http://localhost:4317"}


@attrs.frozen
class Request:
    """What was asked for in code; None where the environment is to decide.

    Attributes:
        endpoint: Address of the collector, for all signals.
        protocol: How to talk to it.
        headers: Sent with every request, with lower-case names; they add to those of the environment.
        timeout: Seconds that one export may take.
    """

    endpoint: Address | None
    protocol: Protocol | None
    headers: Mapping[str, str] = attrs.field(repr=False)
    timeout: float | None


@attrs.frozen
class Destination:
    """Where one signal goes.

    Attributes:
        signal, protocol: Which and how.
        address: With HTTP, that of the signal.
        headers: All of them.
        timeout: Seconds that one export may take, retries included.
        compression: `none`, `gzip` or `deflate`.
        files: Certificates and keys.
    """

    signal: Signal
    protocol: Protocol
    address: Address
    headers: Mapping[str, str] = attrs.field(repr=False)
    timeout: float
    compression: str
    files: _environment.Files

    @property
    def credentials(self) -> list[str]:
        """The texts that no message may show, the longest first."""
        secret = [*self.headers.values(), self.address.query]
        return sorted({text for text in secret if text}, key=len, reverse=True)


def destination_of(signal: Signal, request: Request) -> Destination:
    """Work out where a signal goes.

    Raises:
        ConfigError: A variable cannot be used as it is.
    """
    protocol = request.protocol or _protocol(signal)
    address = _address(signal, protocol, request.endpoint)
    headers = {**_environment.headers(signal), **request.headers}
    if address.authorization is not None:
        headers.setdefault("authorization", address.authorization)
    return Destination(
        signal,
        protocol,
        address,
        headers,
        timeout=request.timeout or _environment.timeout(signal),
        compression=_environment.compression(signal),
        files=_environment.files(signal),
    )


def checked_protocol(text: str, where: str, key: str) -> Protocol:
    """Return a protocol that is known.

    Raises:
        ConfigError: It is not.
    """
    for protocol in get_args(Protocol):
        if text == protocol:
            known: Protocol = protocol
            return known
    raise ConfigError(
        f"{where}{f'({key}=...)' if key else ''} names a protocol that is not spoken here. "
        f"Those that are: {', '.join(get_args(Protocol))}.",
        where=where,
        key=key,
    )


def _protocol(signal: Signal) -> Protocol:
    variable = _environment.found(*_environment.of_signal(signal, "PROTOCOL"))
    return "http/protobuf" if variable is None else checked_protocol(variable[1], variable[0], "")


def _address(signal: Signal, protocol: Protocol, given: Address | None) -> Address:
    own, general = _environment.of_signal(signal, "ENDPOINT")
    for_signal = None if given is not None else _environment.found(own)
    if for_signal is not None:
        return _from_variable(signal, protocol, *for_signal)
    if given is None:
        where, text = _environment.found(general) or (general, _DEFAULTS[protocol])
        given = _from_variable(signal, protocol, where, text)
    return given if protocol == "grpc" else given.of_signal(signal)


def _from_variable(signal: Signal, protocol: Protocol, where: str, text: str) -> Address:
    """Read an address; with gRPC it may lack a scheme, and another variable tells whether to encrypt."""
    if protocol == "grpc" and "://" not in text:
        insecure = _environment.found(*_environment.of_signal(signal, "INSECURE"))
        text = f"{'http' if insecure and insecure[1].lower() == 'true' else 'https'}://{text}"
    return parse_address(text, where, "")
