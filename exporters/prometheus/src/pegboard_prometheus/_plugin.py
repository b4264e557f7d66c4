"""The exporter that Prometheus scrapes."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from pegboard import ConfigError, MissingPlugin, hookimpl
from pegboard_metrics import Metrics
from pegboard_prometheus._address import checked_address
from pegboard_prometheus._exposition import render
from pegboard_prometheus._server import Server

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

    from pegboard import Session


class Prometheus:
    """Serves the metrics of its session at `http://127.0.0.1:<port>/metrics` while the session is open.

    It needs the plugin `metrics`: `Session(Metrics(), Prometheus())`. One instance in several sessions, nested or side by
    side, is one endpoint: it opens with the first and closes with the last.

    Args:
        port: Where to listen; 0 takes any free port, and `port` then tells which.
        host: A loopback address. Others are refused as long as there is no way to authenticate.
        include_default: Serve prometheus-client's global registry too, with the process's own metrics and yours.

    Raises:
        ConfigError: The port or host cannot be used; for a port that is taken, when a session starts.
        MissingPlugin: When a session starts: it has no metrics.
    """

    name = "prometheus"

    def __init__(self, port: int = 9464, host: str = "127.0.0.1", *, include_default: bool = False) -> None:
        self._address = checked_address(host, port)
        self._include_default = include_default
        self._guard = threading.Lock()
        self._users = 0
        self._registry: CollectorRegistry | None = None
        self._server: Server | None = None

    @property
    def port(self) -> int:
        """The port it listens on; while closed, the one that was asked for."""
        server = self._server
        return self._address.port if server is None else server.port

    @property
    def url(self) -> str:
        """The address of the metrics, as a scraper or browser on this machine asks for them."""
        return self._address.url(self.port)

    @hookimpl
    def session_start(self, session: Session) -> None:
        """Open the endpoint, or join the one that is open."""
        registry = _metrics_of(session).registry
        with self._guard:
            if self._server is None:
                self._registry = registry
                self._server = Server(self._address, self._render)
            elif registry is not self._registry:
                raise ConfigError(
                    f"this Prometheus() already serves another registry at {self.url}, and one endpoint cannot tell two "
                    f"apart.\nGive both sessions the same Metrics(), or this one a Prometheus() with a port of its own.",
                    where="Prometheus",
                    key="port",
                )
            self._users += 1

    @hookimpl
    def session_end(self) -> None:
        """Close the endpoint with the last session that uses it."""
        with self._guard:
            self._users -= 1
            if self._users == 0 and self._server is not None:
                server, self._server = self._server, None
                server.close()
                self._registry = None

    def _render(self, kind: str) -> bytes:
        registry = self._registry
        registries = [] if registry is None else [registry]
        if self._include_default:
            from prometheus_client import REGISTRY

            if REGISTRY is not registry:
                registries.append(REGISTRY)
        return render(registries, kind)


def _metrics_of(session: Session) -> Metrics:
    found = session.plugins.get("metrics")
    if isinstance(found, Metrics):
        return found
    instead = "" if found is None else f" (its plugin 'metrics' is a {type(found).__qualname__})"
    raise MissingPlugin(
        f"Prometheus() serves what the plugin 'metrics' counts, and this session has none{instead}, so every scrape would be "
        f"empty.\nAttach it too: Session(Metrics(), Prometheus()). Attached: {', '.join(session.plugins)}.",
        plugin="metrics",
    )
