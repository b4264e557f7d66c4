"""The metrics on their way out: the registry is read and sent as a whole, every so often and at the end."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

from pegboard.parts import Periodic, after_fork
from pegboard_otlp import _losses
from pegboard_otlp._reply import rejection

if TYPE_CHECKING:
    from opentelemetry.sdk.resources import Resource
    from prometheus_client import CollectorRegistry

    from pegboard_otlp._line import Line
    from pegboard_otlp._losses import Losses

_log = logging.getLogger("pegboard.otlp")


class Push:
    """Sends a registry's metrics from a thread of its own.

    A round that fails is made good by the next one, as all numbers are cumulative, and counted as lost all the same.
    A forked child sends none, as it has a copy of the parent's numbers, unless it begins anew.

    Args:
        line: Where to.
        find_registry: Asked every round; None while there are no metrics.
        losses: Told of what does not arrive.
        interval: Seconds between two rounds.
    """

    def __init__(
        self,
        line: Line,
        find_registry: Callable[[], CollectorRegistry | None],
        losses: Losses,
        interval: float,
    ) -> None:
        self._line = line
        self._find_registry = find_registry
        self.losses = losses
        self._resource: Resource | None = None
        self._is_of_child = False
        self._is_needed = True
        self._refused: set[str] = set()
        self._left_out = 0
        self._why = ""
        self._sending = 0
        self._gave_up = False
        self._is_closed = False
        self._periodic = Periodic("pegboard-otlp-metrics", self._work, interval, around=line.open)
        self._periodic.start()
        after_fork(self._begin_anew)

    def begin_flush(self) -> Callable[[float], bool]:
        """Ask for the numbers of now to be sent; the answer waits, and is False when it was late or failed."""
        lost = self.losses.number
        wait = self._periodic.begin_call()
        return lambda seconds: wait(seconds) and self.losses.number == lost

    def begin_end(self) -> Callable[[float], bool]:
        """Send the last numbers and end the thread; the answer waits, and counts what is late as lost."""
        self._is_closed = True
        wait = self._periodic.begin_stop(last=True)
        return lambda seconds: wait(seconds) or self._give_up()

    def begin_anew(self) -> None:
        """Send what a forked child measures, once that is anything: else each would be a service instance of zeros."""
        self._is_of_child, self._is_needed = True, False
        self._resource = None
        self._periodic.start()

    def _give_up(self) -> bool:
        """Count the numbers that are on their way as lost, once, and cut the line."""
        if not self._gave_up:
            self._gave_up = True
            self.losses.add(self._sending, _losses.DEADLINE, self._line.why)
            self._line.cut()
        return False

    def _begin_anew(self) -> None:
        """In a forked child: what was on its way is on the parent's."""
        self._sending = 0

    def _work(self) -> None:
        registry = self._find_registry()
        if registry is None or self._gave_up:
            return
        from pegboard_otlp._translation import count_points, is_all_zero, translate

        if self._resource is None:
            self._resource = _resource(is_of_child=self._is_of_child)
        self._left_out = 0
        request = translate(registry, self._resource, self._refuse)
        if not self._is_needed and is_all_zero(request):
            return
        self._is_needed = True
        points = count_points(request)
        self._sending = points
        if points:
            self._send(request.SerializeToString(), points)
        self._sending = 0
        if self._left_out and not self._gave_up:
            self.losses.add(self._left_out, _losses.INVALID, self._why)

    def _send(self, body: bytes, points: int) -> None:
        reply = self._line.send(body)
        if reply.state != "arrived":
            self._count(points, _losses.EXPORT_FAILED, reply.why, reply.kind)
            return
        self.losses.arrived("" if reply.rejected else reply.remark)
        self._count(min(reply.rejected, points), _losses.REJECTED, rejection(reply))

    def _count(self, number: int, reason: str, why: str = "", failure: str = "") -> None:
        if number and not self._gave_up:
            self.losses.add(number, reason, why)
            if not self._is_closed:
                self.losses.warn(reason, failure)

    def _refuse(self, name: str, error: BaseException) -> None:
        """Leave out what cannot be told, and name it once."""
        self._left_out += 1
        self._why = f"reading {name} raises {type(error).__name__}"
        if name not in self._refused:
            self._refused.add(name)
            _log.warning(
                "otlp: the metrics of %s are left out, as reading them raises %s", name, type(error).__name__
            )


def _resource(*, is_of_child: bool) -> Resource:
    from pegboard_tracing.resource import resource_of_child, service_resource

    found = service_resource()
    return resource_of_child(found) if is_of_child else found
