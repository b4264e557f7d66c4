"""Requests over gRPC."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import grpc  # type: ignore[import-untyped]
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from google.rpc.error_details_pb2 import RetryInfo  # type: ignore[import-untyped]
from google.rpc.status_pb2 import Status  # type: ignore[import-untyped]

from pegboard_otlp import _names
from pegboard_otlp._answer import read_answer
from pegboard_otlp._reply import Reply

if TYPE_CHECKING:
    from pegboard_otlp._destination import Destination

_METHODS: Mapping[str, str] = {
    "traces": "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
    "metrics": "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
    "logs": "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
}
_AGAIN = (
    grpc.StatusCode.CANCELLED,
    grpc.StatusCode.DEADLINE_EXCEEDED,
    grpc.StatusCode.ABORTED,
    grpc.StatusCode.OUT_OF_RANGE,
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.DATA_LOSS,
)
_COMPRESSION = {"gzip": grpc.Compression.Gzip, "deflate": grpc.Compression.Deflate}
_OPTIONS = (("grpc.initial_reconnect_backoff_ms", 500), ("grpc.max_reconnect_backoff_ms", 5_000))


class GrpcCarrier:
    """Takes requests to one back end with gRPC."""

    def __init__(self, destination: Destination) -> None:
        self._signal = destination.signal
        self._metadata = tuple(destination.headers.items())
        self._channel = _channel(destination)
        self._export = self._channel.unary_unary(_METHODS[destination.signal])  # takes and gives bytes

    def send(self, body: bytes, seconds: float) -> Reply:
        """Send a serialised request, once, and read the answer, within so many seconds."""
        try:
            answer = self._export(body, timeout=max(seconds, 0.0), metadata=self._metadata)
        except grpc.RpcError as error:
            return _failure(error)
        except ValueError as error:  # the channel was closed meanwhile, or a header is none for gRPC
            return Reply("lost", type(error).__name__, f"{type(error).__name__}: {error}")
        return read_answer(self._signal, answer)

    def close(self) -> None:
        """Close the connections, from any thread; what is under way is given up."""
        self._channel.close()


def _channel(destination: Destination) -> Any:
    options = (*_OPTIONS, ("grpc.primary_user_agent", _names.user_agent()))
    compression = _COMPRESSION.get(destination.compression, grpc.Compression.NoCompression)
    place = destination.address.place
    if destination.address.scheme == "http":
        return grpc.insecure_channel(place, options=options, compression=compression)
    files = destination.files
    credentials = grpc.ssl_channel_credentials(
        root_certificates=_read(files.certificate),
        private_key=_read(files.client_key or files.client_certificate),
        certificate_chain=_read(files.client_certificate),
    )
    return grpc.secure_channel(place, credentials, options=options, compression=compression)


def _read(path: str | None) -> bytes | None:
    return None if path is None else Path(path).read_bytes()


def _failure(error: Any) -> Reply:
    code = error.code()
    wait = _retry_delay(dict(error.trailing_metadata() or ()))
    details = error.details() or ""
    is_exhausted = code is grpc.StatusCode.RESOURCE_EXHAUSTED
    may_help = code in _AGAIN or (is_exhausted and wait is not None)
    return Reply(
        "again" if may_help else "lost",
        code.name,
        f"{code.name}: {details}",
        wait=wait,
        is_too_large=is_exhausted and "larger than max" in details,  # the words of all gRPC servers
    )


def _retry_delay(metadata: Mapping[str, Any]) -> float | None:
    """Return the seconds that a back end asks to wait; None where it asks for nothing.

    Source: `google.rpc.RetryInfo` among the details of the status, as the OTLP specification has it; some send it by itself.
    """
    try:
        details = Status.FromString(metadata.get("grpc-status-details-bin", b"")).details
        found = [info for info in map(_info, details) if info is not None]
        if "google.rpc.retryinfo-bin" in metadata:
            found.append(RetryInfo.FromString(metadata["google.rpc.retryinfo-bin"]))
    except DecodeError:
        return None
    return max(found[0].retry_delay.seconds + found[0].retry_delay.nanos / 1e9, 0.0) if found else None


def _info(detail: Any) -> RetryInfo | None:
    info = RetryInfo()
    return info if detail.Unpack(info) else None
