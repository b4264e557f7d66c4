"""The handler that takes log records out, on the root logger while a session is open."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from pegboard_otlp._line import is_sending
from pegboard_otlp._losses import INVALID
from pegboard_otlp._records import Record, translate_record
from pegboard_tracing.resource import resource_of_child, service_resource

if TYPE_CHECKING:
    from pegboard.privacy import Masks
    from pegboard_otlp._outbox import Outbox


class SendingHandler(logging.Handler):
    """Puts every record that reaches the root logger into an outbox."""

    def __init__(self, outbox: Outbox[Record], masks: Masks) -> None:
        super().__init__()
        self._outbox = outbox
        self._masks = masks
        self._resource = service_resource()

    def begin_anew(self) -> None:
        """Send as the service instance that a forked child is."""
        self._resource = resource_of_child(self._resource)

    def emit(self, record: logging.LogRecord) -> None:
        """Take a record, unless it tells of our own sending."""
        if is_sending():
            return
        try:
            self._outbox.put(translate_record(record, self._resource, self._masks))
        except Exception as error:  # noqa: BLE001 - as every handler of the standard library does
            self._outbox.losses.add(1, INVALID, type(error).__name__)
            self.handleError(record)
