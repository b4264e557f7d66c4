"""Requests over HTTP."""

from __future__ import annotations

import gzip
import ssl
import time
import zlib
from collections.abc import Callable, Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from http.client import responses
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin

import requests
import urllib3
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from google.rpc.status_pb2 import Status  # type: ignore[import-untyped]

from pegboard import ConfigError
from pegboard_otlp import _names
from pegboard_otlp._address import Address, parse_address
from pegboard_otlp._answer import read_answer
from pegboard_otlp._reply import Reply

if TYPE_CHECKING:
    from pegboard_otlp._destination import Destination

_AGAIN = (429, 502, 503, 504)
_TOO_LARGE = 413
_FOLLOWED = (307, 308)  # those that ask for the same request once more; the others would make it a GET
_HOPS_MOST = 5
# A connection that the other side closed, as one that was kept for the next request: a new one may do at once.
_STALE = (
    "RemoteDisconnected",
    "ConnectionResetError",
    "ConnectionAbortedError",
    "BrokenPipeError",
    "IncompleteRead",
)
_ANSWER_MOST = 4 * 1024 * 1024
_PIECE = 64 * 1024
_LEAST_SECONDS = 0.001
_COMPRESS: Mapping[str, Callable[[bytes], bytes]] = {"gzip": gzip.compress, "deflate": zlib.compress}


class _EndlessAnswerError(ValueError):
    """An answer that is longer, or takes longer, than one may."""


class HttpCarrier:
    """Takes requests to one back end with HTTP, by way of the proxies that the environment names.

    Redirects are followed where the request stays what it is, and its credentials with whom they were meant for.
    """

    def __init__(self, destination: Destination) -> None:
        self._destination = destination
        self._session = requests.Session()
        self._pack = _COMPRESS.get(destination.compression)
        self._headers = {
            "user-agent": _names.user_agent(),
            **destination.headers,
            "content-type": "application/x-protobuf",
            "accept": "application/x-protobuf, application/json;q=0.5",
        }
        if self._pack is not None:
            self._headers["content-encoding"] = destination.compression

    def send(self, body: bytes, seconds: float) -> Reply:
        """Send a serialised request, once, and read the answer, within so many seconds."""
        deadline = time.monotonic() + seconds
        packed = body if self._pack is None else self._pack(body)
        reply = self._once(packed, deadline)
        return self._once(packed, deadline) if reply.kind in _STALE else reply

    def close(self) -> None:
        """Close the connections, from any thread."""
        self._session.close()

    def _once(self, body: bytes, deadline: float) -> Reply:
        try:
            return self._follow(body, deadline)
        except (OSError, urllib3.exceptions.HTTPError, ValueError) as error:  # those of requests are OSErrors
            return _failure(error)

    def _follow(self, body: bytes, deadline: float) -> Reply:
        address = self._destination.address
        for _ in range(_HOPS_MOST):
            with self._post(address, body, deadline) as response:
                following = _target(address, response)
                if following is None:
                    return self._reply(response, deadline)
                address = following
        return Reply("lost", "redirects", f"its redirects lead on and on, at last to {address.shown}")

    def _post(self, address: Address, body: bytes, deadline: float) -> requests.Response:
        files = self._destination.files
        return self._session.post(
            address.url,
            data=body,
            headers=self._headers,
            timeout=max(deadline - time.monotonic(), _LEAST_SECONDS),
            verify=files.certificate or True,
            cert=(files.client_certificate, files.client_key)
            if files.client_certificate and files.client_key
            else files.client_certificate,
            auth=_as_it_is,
            allow_redirects=False,
            stream=True,
        )

    def _reply(self, response: requests.Response, deadline: float) -> Reply:
        status = response.status_code
        if requests.codes.ok <= status < requests.codes.multiple_choices:
            content_type = response.headers.get("content-type", "").strip().lower()
            return read_answer(self._destination.signal, _body(response, deadline), content_type)
        why = f"{status} {response.reason or responses.get(status, '')}".strip()
        location = response.headers.get("location")
        if location is not None:
            why = f"{why}, {_pointing(self._destination.address, location)}"
        else:
            why = ": ".join(part for part in (why, _words(response, deadline)) if part)
        return Reply(
            "again" if status in _AGAIN else "lost",
            str(status),
            why,
            wait=_retry_after(response.headers.get("retry-after", "")),
            is_too_large=status == _TOO_LARGE,
        )


def _as_it_is(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Leave a request as it is: without this, what ~/.netrc has for the host would replace the header that was given."""
    return request


def _body(response: requests.Response, deadline: float) -> bytes:
    """Read a body, if it ends in time, and within the size that an answer may have.

    Raises:
        _EndlessAnswerError: It does not.
    """
    body = b""
    while piece := response.raw.read1(_PIECE, decode_content=True):
        body += piece
        if len(body) > _ANSWER_MOST or time.monotonic() > deadline:
            raise _EndlessAnswerError("the answer does not end")
    return body


def _words(response: requests.Response, deadline: float) -> str:
    """Return what a back end that does not take a request says about it; "" where it says nothing that can be read."""
    content_type = response.headers.get("content-type", "").strip().lower()
    try:
        body = _body(response, deadline)
        if content_type.startswith("application/x-protobuf"):
            return str(Status.FromString(body).message)
    except (OSError, urllib3.exceptions.HTTPError, DecodeError, _EndlessAnswerError):
        return ""
    is_text = content_type.startswith(("text/plain", "application/json"))
    return body.decode(errors="replace") if is_text else ""


def _target(address: Address, response: requests.Response) -> Address | None:
    """Return where a redirect leads to; None where there is none, or none that may be followed."""
    if response.status_code not in _FOLLOWED:
        return None
    target = _named(address, response.headers.get("location", ""))
    return target if target is not None and address.may_lead_to(target) else None


def _pointing(address: Address, location: str) -> str:
    target = _named(address, location)
    if target is None:
        return "which points nowhere"
    return f"which points to {target.shown}: set the endpoint to that, if it is the back end"


def _named(address: Address, location: str) -> Address | None:
    try:
        return parse_address(urljoin(address.url, location), "", "") if location else None
    except (ConfigError, ValueError):
        return None


def _retry_after(text: str) -> float | None:
    """Return the seconds that a `Retry-After` names, as a number or as a date; None where it names none."""
    try:
        seconds = float(text)
    except ValueError:
        return _until(text)
    return max(seconds, 0.0) if seconds < float("inf") else None  # and not NaN


def _until(text: str) -> float | None:
    try:
        date = parsedate_to_datetime(text)
        at = date if date.tzinfo is not None else date.replace(tzinfo=UTC)
        return max(at.timestamp() - time.time(), 0.0)
    except (ValueError, OverflowError):
        return None


def _failure(error: Exception) -> Reply:
    """Tell what an exception means that was raised while a request was under way."""
    if isinstance(error, _EndlessAnswerError):
        return Reply("lost", "no end", str(error))
    cause: BaseException = error
    while (inner := cause.__cause__ or cause.__context__) is not None:
        cause = inner
    is_hopeless = isinstance(cause, ssl.SSLCertVerificationError) or _is_refused(error)
    kind = type(cause).__name__
    return Reply("lost" if is_hopeless else "again", kind, f"{kind}: {cause}")


def _is_refused(error: Any) -> bool:
    """Whether the request could not even be written, as with a certificate that is none."""
    return isinstance(error, ValueError) or (type(error) is OSError)
