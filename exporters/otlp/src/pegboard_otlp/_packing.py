"""Spans and log records as one request: what cannot be told in OTLP is left out by itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import attrs

from pegboard_otlp._values import add_attributes, as_text

if TYPE_CHECKING:
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.util.instrumentation import InstrumentationScope


@attrs.define
class Packed:
    """A request, and what is not in it.

    Attributes:
        body: Serialised.
        items: How many are in it: spans, metric points or log records.
        left_out: How many items and attributes could not be told.
        why: What was left out last, for people.
    """

    body: bytes = b""
    items: int = 0
    left_out: int = 0
    why: str = ""


@attrs.frozen
class Form:
    """How the items of one signal become a request.

    Attributes:
        request, item: The messages of a request and an item.
        of_resources, of_scopes, items: The fields of messages that hold the next inner ones.
        write: Writes an item into its message; returns how many attributes are left out.
    """

    request: Callable[[], Any]
    item: Callable[[], Any]
    of_resources: str
    of_scopes: str
    items: str
    write: Callable[[Any, Any], int]

    def pack(self, batch: Sequence[Any]) -> Packed:
        """Make a request of a batch."""
        packed = Packed()
        groups = _Groups(self, self.request())
        for each in batch:
            message = self.item()
            try:
                attributes = self.write(each, message)
                packed.left_out += attributes
                packed.why = "attributes that cannot be told in OTLP" if attributes else packed.why
                groups.of(each.resource, each.instrumentation_scope).append(message)
                packed.items += 1
            except Exception as error:  # noqa: BLE001 - whatever is wrong with one is nothing to the others
                packed.left_out += 1
                packed.why = f"it cannot be told in OTLP ({type(error).__name__})"
        packed.body = groups.request.SerializeToString()
        return packed


class _Groups:
    """The items of a request, by resource and scope."""

    def __init__(self, form: Form, request: Any) -> None:
        self.request = request
        self._form = form
        self._resources: dict[int, tuple[Any, dict[object, Any]]] = {}

    def of(self, resource: Resource, scope: InstrumentationScope | None) -> Any:
        """Return the list that an item belongs into."""
        known = self._resources.get(id(resource))
        if known is None:
            known = self._resources[id(resource)] = self._of_resource(resource), {}
        message, scopes = known
        key = _key(scope)
        items = scopes.get(key)
        if items is None:
            items = scopes[key] = self._of_scope(message, scope)
        return items

    def _of_resource(self, resource: Resource) -> Any:
        message = getattr(self.request, self._form.of_resources).add(schema_url=as_text(resource.schema_url))
        add_attributes(resource.attributes, message.resource.attributes)
        return message

    def _of_scope(self, of_resource: Any, scope: InstrumentationScope | None) -> Any:
        message = getattr(of_resource, self._form.of_scopes).add()
        if scope is not None:
            write_scope(scope, message)
        return getattr(message, self._form.items)


def write_scope(scope: InstrumentationScope, message: Any) -> None:
    """Write who made the items of a message."""
    message.scope.name = as_text(scope.name)
    message.scope.version = as_text(scope.version or "")
    message.schema_url = as_text(scope.schema_url or "")
    add_attributes(scope.attributes, message.scope.attributes)


def _key(scope: InstrumentationScope | None) -> object:
    """Return what is the same for scopes that are the same: every log record has one of its own."""
    if scope is None or scope.attributes:
        return id(scope)
    return scope.name, scope.version, scope.schema_url
