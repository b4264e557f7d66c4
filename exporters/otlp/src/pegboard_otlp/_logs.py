"""The handler that takes log records out, on the root logger while a session is open."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from pegboard import ConfigError
from pegboard_otlp._line import is_sending
from pegboard_otlp._losses import INVALID

if TYPE_CHECKING:
    from opentelemetry.sdk._logs import ReadableLogRecord

    from pegboard.privacy import Masks
    from pegboard_otlp._outbox import Outbox


class SendingHandler(logging.Handler):
    """Puts every record that reaches the root logger into an outbox.

    Raises:
        ConfigError: The installed SDK has no logs API, or another one; it is private upstream.
    """

    def __init__(self, outbox: Outbox[ReadableLogRecord], masks: Masks) -> None:
        super().__init__()
        try:
            from pegboard_otlp._records import to_otel
        except ImportError as error:
            raise ConfigError(
                "OTLP(logs=True) needs the logs API of opentelemetry-sdk, which upstream still keeps private, and the one "
                "that is installed is another.\nUpgrade it: pip install --upgrade opentelemetry-sdk; or leave logs=True out.",
                where="OTLP",
                key="logs",
            ) from error
        from opentelemetry.sdk.resources import Resource

        self._to_otel = to_otel
        self._outbox = outbox
        self._masks = masks
        self._resource = Resource.create()

    def emit(self, record: logging.LogRecord) -> None:
        """Take a record, unless it tells of our own sending."""
        if is_sending():
            return
        try:
            self._outbox.put(self._to_otel(record, self._resource, self._masks))
        except Exception as error:  # noqa: BLE001 - as every handler of the standard library does
            self._outbox.losses.add(1, INVALID, type(error).__name__)
            self.handleError(record)
