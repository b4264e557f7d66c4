"""The exporter that Prometheus scrapes."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING, ClassVar

from pegboard import ConfigError, Secret, hookimpl
from pegboard.parts import after_fork, checks, new_lock
from pegboard_prometheus._registry import count_loss, registry_of
from pegboard_prometheus.endpoint.address import checked_address
from pegboard_prometheus.endpoint.server import Server
from pegboard_prometheus.endpoint.tls import checked_certificate
from pegboard_prometheus.health.health import Health
from pegboard_prometheus.page.access import checked_access
from pegboard_prometheus.page.exposition import Exposition
from pegboard_prometheus.page.page import Page
from pegboard_prometheus.page.token import VARIABLE, checked_token

if TYPE_CHECKING:
    from os import PathLike

    from prometheus_client import CollectorRegistry

    from pegboard import Session
    from pegboard_prometheus._apps import ASGIApp, WSGIApp

_GRACE = 1.0  # seconds for metrics that are being written when the session ends
_STUCK_AFTER = checks.seconds(above=0, type_error=ConfigError, value_error=ConfigError).or_none("no limit")


class Prometheus:
    """Serves the metrics of its session at `http://127.0.0.1:<port>/metrics` while the session is open.

    Beside them, `/livez` and `/readyz` tell an orchestrator, without a token, whether the process is alive, and whether it is
    ready for work.

    It needs the plugin `metrics`: `Session(Metrics(), Prometheus())`. One instance in several sessions, nested or side by
    side, is one endpoint: it opens with the first and closes with the last.

    Args:
        port: Where to listen; 0 takes any free port, and `port` then tells which. None listens nowhere: the apps alone.
        host: An IP address of this machine, or `localhost`. One that other machines reach takes a token or TLS.
        include_default: Serve prometheus-client's global registry too, with the process's own metrics and yours.
        token: What clients have to present, as `Authorization: Bearer <token>`. By default the environment variable
            PEGBOARD_PROMETHEUS_TOKEN, where it is set.
        token_file: A file that holds it instead; read again when it changes.
        certfile: PEM file with a certificate and its chain, for TLS (1.2 or later); read again when it changes.
        keyfile: PEM file with its key, unless `certfile` has it.
        allowed_hosts: Names by which clients may ask for the page, beside `localhost`, loopback addresses and the address
            that a client has connected to. `*` allows all, and takes a token.
        stuck_after: Seconds after which a call that is still active has `/livez` say 503. None: calls take what they take.
        ready_when: Names of sessions, as in `Session(name=...)`: until all of them have been installed, and one is, `/readyz`
            says 503.

    Raises:
        ConfigError: A setting cannot be used; for a port that is taken, when a session starts.
        MissingPlugin: When a session starts: it has no metrics.
    """

    name = "prometheus"
    falls_back_on: ClassVar[Mapping[str, tuple[str, ...]]] = {"token": (VARIABLE,)}

    def __init__(
        self,
        port: int | None = 9464,
        host: str = "127.0.0.1",
        *,
        include_default: bool = False,
        token: str | Secret[str] | None = None,
        token_file: str | PathLike[str] | None = None,
        certfile: str | PathLike[str] | None = None,
        keyfile: str | PathLike[str] | None = None,
        allowed_hosts: Iterable[str] = (),
        stuck_after: float | None = None,
        ready_when: Iterable[str] = (),
    ) -> None:
        self._token = checked_token(token, token_file)
        access = checked_access(allowed_hosts, self._token)
        self._certificate = checked_certificate(certfile, keyfile)
        is_protected = self._token is not None or self._certificate is not None
        self._address = None if port is None else checked_address(host, port, protected=is_protected)
        self._health = Health(
            _STUCK_AFTER.check("stuck_after", stuck_after, owner="Prometheus"), _checked_names(ready_when)
        )
        self._page = Page(access, self._render, self._health)
        self._exposition = Exposition(self._count_loss)
        self._include_default = checks.flag().check("include_default", include_default, owner="Prometheus")
        self._guard = new_lock()
        self._sessions: list[Session] = []
        self._own_sessions: list[Session] = []  # that began in this process, for which the endpoint is open
        self._registry: CollectorRegistry | None = None
        self._server: Server | None = None
        after_fork(self._leave_to_parent)

    @property
    def port(self) -> int | None:
        """The port it listens on; while closed, the one that was asked for."""
        server = self._server
        asked = None if self._address is None else self._address.port
        return asked if server is None else server.port

    @property
    def url(self) -> str:
        """The address of the metrics, as a scraper or browser on this machine asks for them; "" without a port."""
        if self._address is None or self.port is None:
            return ""
        return self._address.url(self.port, "http" if self._certificate is None else "https")

    def asgi_app(self) -> ASGIApp:
        """Return an ASGI app that answers as the endpoint does, at whatever path it is mounted."""
        from pegboard_prometheus._apps import ASGIApp

        return ASGIApp(self._page)

    def wsgi_app(self) -> WSGIApp:
        """Return a WSGI app that answers as the endpoint does, at whatever path it is mounted."""
        from pegboard_prometheus._apps import WSGIApp

        return WSGIApp(self._page)

    @hookimpl
    def session_start(self, session: Session) -> None:
        """Open the endpoint, or join the one that is open."""
        registry = registry_of(session, "Prometheus()")
        if self._token is not None:
            session.masks.add(self._token.reveal())
        with self._guard:
            if self._registry not in (None, registry):
                raise ConfigError(
                    f"this Prometheus() already serves another registry{self.url and f' at {self.url}'}, and one page cannot "
                    f"tell two apart.\nGive both sessions the same Metrics(), or this one a Prometheus() with a port of its "
                    f"own.",
                    where="Prometheus",
                    key="port",
                )
            if self._server is None and self._address is not None:
                self._server = Server(self._address, self._page, self._certificate)
            self._registry = registry
            self._sessions.append(session)
            self._own_sessions.append(session)
            self._health.join(session)

    @hookimpl
    def session_forked(self, session: Session) -> str | None:
        """Open an endpoint of the child's own, where any port will do; another one is the parent's, which answers there."""
        if self._address is None:
            return None
        if self._address.port:
            return (
                f"Prometheus(port={self._address.port}): the parent listens there, so nobody scrapes this process. Send its metrics "
                f"by OTLP(), mount asgi_app() or wsgi_app() in what it serves, or have it listen elsewhere"
            )
        self._own_sessions.append(session)
        self._server = Server(self._address, self._page, self._certificate)
        return None

    @hookimpl(trylast=True)
    def session_end(self, session: Session) -> None:
        """Close the endpoint with the last session that uses it; it answers while the other plugins end."""
        with self._guard:
            self._sessions.remove(session)
            self._health.leave(session)
            if session in self._own_sessions:
                self._own_sessions.remove(session)
            if not self._own_sessions:
                self._close()
            if not self._sessions:
                self._page.settle(_GRACE)
                self._registry = None

    def _close(self) -> None:
        server, self._server = self._server, None
        if server is not None:
            server.close()

    def _leave_to_parent(self) -> None:
        """In a forked child: the endpoint is the parent's. Apps go on, with the numbers of the child."""
        server, self._server, self._own_sessions = self._server, None, []
        if server is not None:
            server.leave()

    def _render(self, kind: str) -> bytes | None:
        registry = self._registry
        if registry is None:
            return None
        registries = [registry]
        if self._include_default:
            from prometheus_client import REGISTRY

            if REGISTRY is not registry:
                registries.append(REGISTRY)
        return self._exposition.write(registries, kind)

    def _count_loss(self) -> None:
        for session in self._sessions[:1]:
            count_loss(session)


def _checked_names(given: object) -> Collection[str]:
    """Check what the user gave as `ready_when`.

    Raises:
        ConfigError: It holds what is no name.
    """
    several = list(given) if isinstance(given, Iterable) and not isinstance(given, str) else [given]
    names = [name for name in several if isinstance(name, str) and name]
    if len(names) == len(several):
        return names
    raise ConfigError(
        f"Prometheus(ready_when={checks.shown(given)}): names of sessions are meant, as in ready_when=['web'] for "
        f"Session(..., name='web').install().",
        where="Prometheus",
        key="ready_when",
    )
