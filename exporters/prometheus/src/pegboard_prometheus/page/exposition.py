"""The metrics as text, in one of two formats."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import attrs

from pegboard.privacy import loggable
from pegboard.texts import encodable
from pegboard_prometheus.page.families import Joined, families_of
from pegboard_prometheus.page.negotiation import OPENMETRICS

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry
    from prometheus_client.core import Metric
    from prometheus_client.samples import Sample

_log = logging.getLogger("pegboard.prometheus")
_END = b"# EOF\n"

SamplesOf = Callable[["Metric"], "Iterable[Sample]"]


class Exposition:
    """Writes metrics as text, family by family: what one collector or family raises costs itself alone.

    Each failure is counted; in the log it stands once.

    Args:
        lost: Called for each collector or family that is left out.
        samples_of: Returns the samples of a family that are to be written; a family without any is left out.
    """

    def __init__(
        self, lost: Callable[[], object] = lambda: None, samples_of: SamplesOf | None = None
    ) -> None:
        self._lost = lost
        self._samples_of = samples_of
        self._said: set[str] = set()

    def write(self, registries: Iterable[CollectorRegistry], kind: str) -> bytes:
        """Write all metrics of the registries in one of the formats of `negotiation`."""
        joined = Joined(self._say)
        for registry in registries:
            for family in families_of(registry, self._failed):
                self._add(family, joined)
        parts = [self._text(family, kind) for family in joined.take()]
        return b"".join([*parts, _END] if kind == OPENMETRICS else parts)

    def _add(self, family: Metric, joined: Joined) -> None:
        try:
            joined.add(family)
        except Exception as error:  # noqa: BLE001 - whatever a collector gives
            self._failed(f"the metric {getattr(family, 'name', type(family).__name__)}", error)

    def _text(self, family: Metric, kind: str) -> bytes:
        try:
            if self._samples_of is not None:
                family.samples = list(self._samples_of(family))
                if not family.samples:
                    return b""
            return _generated(family, kind)
        except Exception as error:  # noqa: BLE001 - whatever a collector has put into a sample
            self._failed(f"the metric {family.name}", error)
            return b""

    def _failed(self, what: str, error: Exception) -> None:
        self._lost()
        self._say(
            f"{what} is left out, as reading it raises {type(error).__name__}; the rest is served", error
        )

    def _say(self, message: str, error: Exception | None = None) -> None:
        if message not in self._said:
            self._said.add(message)
            _log.warning("%s", message, exc_info=error and loggable(error))


@attrs.frozen
class _One:
    """A family as a registry."""

    family: Metric

    def collect(self) -> tuple[Metric]:
        return (self.family,)


def _generated(family: Metric, kind: str) -> bytes:
    try:
        return _written(family, kind)
    except UnicodeEncodeError:  # a lone surrogate, from a file's name say
        return _written(_encodable(family), kind)


def _written(family: Metric, kind: str) -> bytes:
    if kind == OPENMETRICS:
        from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics

        text: bytes = generate_openmetrics(_One(family))  # type: ignore[no-untyped-call]
        return text.removesuffix(_END)
    from prometheus_client import generate_latest

    return generate_latest(_One(family))


def _encodable(family: Metric) -> Metric:
    from prometheus_client.core import Metric

    made = Metric(family.name, encodable(family.documentation, "utf-8"), family.type, family.unit)
    made.samples = [
        sample._replace(
            labels={name: encodable(value, "utf-8") for name, value in sample.labels.items()}, exemplar=None
        )
        for sample in family.samples
    ]
    return made
