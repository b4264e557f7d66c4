"""What `Dask(...)` was told, checked before anything starts."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

from pegboard import ConfigError, texts
from pegboard.parts import checks

if TYPE_CHECKING:
    from distributed import Client, Security

File = str | os.PathLike[str]


_COUNT = checks.whole(least=1)
_WORKERS = _COUNT.or_none("as many as processors")
_TIMEOUT = checks.seconds(above=0, infinite=True, type_error=ValueError)


@attrs.frozen(eq=False)
class Settings:
    """Which cluster, and how to get to it.

    Attributes:
        address: Of a scheduler; None for a cluster of our own.
        client: The user's own, or None.
        workers, threads: Size of a cluster of our own: processes, and threads in each.
        timeout: Seconds for whatever is asked of the cluster before and after the work.
        security: As `distributed.Client` takes it: `Security`, True, or None.
        files: Paths for TLS: `ca`, `cert` and `key`; empty without.
    """

    address: str | None
    client: Client | None
    workers: int | None
    threads: int
    timeout: float
    security: Security | bool | None
    files: Mapping[str, str]

    def made_security(self) -> Security | bool | None:
        """Return what the client and a cluster of our own take."""
        if not self.files:
            return self.security
        from distributed import Security

        role = {"cert": self.files["cert"], "key": self.files["key"]}
        roles = {
            f"tls_{who}_{what}": path
            for who in ("client", "scheduler", "worker")
            for what, path in role.items()
        }
        make: Any = Security
        made: Security = make(tls_ca_file=self.files["ca"], require_encryption=True, **roles)
        return made


def checked(
    address: object,
    client: object,
    workers: object,
    threads: object,
    timeout: object,
    security: Any,
    files: Mapping[str, File | None],
) -> Settings:
    """Refuse what cannot be meant.

    Raises:
        ConfigError: Settings that contradict each other.
        TypeError, ValueError: One that is nothing of its kind.
    """
    if address is not None and (not isinstance(address, str) or not address):
        raise TypeError(
            f"Dask takes the address of a scheduler, such as 'tcp://host:8786', not {texts.a(type(address).__name__)}. "
            f"For a client of yours: Dask(client=...)."
        )
    if client is not None:
        _check_client(client)
        _alone("client", address=address, workers=workers, security=security, **files)
    if address is not None:
        _alone("address", workers=workers)
    return Settings(
        address,
        client,  # type: ignore[arg-type]
        _WORKERS.check("workers", workers, owner="Dask"),
        _COUNT.check("threads", threads, owner="Dask"),
        float(_TIMEOUT.check("timeout", timeout, owner="Dask")),
        security,
        _checked_files(security, files),
    )


def _check_client(client: object) -> None:
    missing = [name for name in ("submit", "loop", "register_plugin") if not hasattr(client, name)]
    if missing or isinstance(client, type):
        raise TypeError(f"Dask(client=...) takes a distributed.Client, not {type(client).__name__}.")
    if getattr(client, "asynchronous", False):
        raise ConfigError(
            "Dask(client=...) takes a client that works from any thread, and this one belongs to an event loop.\n"
            "Make it without asynchronous=True, outside of that loop; async tasks use it just as well.",
            where="Dask",
            key="client",
        )


def _alone(what: str, **others: object) -> None:
    for name, value in others.items():
        if value is not None:
            raise ConfigError(
                f"Dask({what}=..., {name}=...): with {what}, the cluster is there already, and {name} would say nothing.",
                where="Dask",
                key=name,
            )


def _checked_files(security: object, files: Mapping[str, File | None]) -> Mapping[str, str]:
    given = {name: os.fspath(path) for name, path in files.items() if path is not None}
    if not given:
        return {}
    if security is not None:
        raise ConfigError(
            "Dask(security=...) says all about TLS already: take ca, cert and key off.",
            where="Dask",
            key="security",
        )
    for name in files:
        if name not in given:
            raise ConfigError(
                f"Dask(ca=..., cert=..., key=...): {name} is missing. Both sides show a certificate, so that it takes all three.",
                where="Dask",
                key=name,
            )
        if not Path(given[name]).is_file():
            raise ConfigError(f"Dask({name}=...): there is no such file.", where="Dask", key=name)
    return given
