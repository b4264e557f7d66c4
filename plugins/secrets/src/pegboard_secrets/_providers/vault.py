"""Secrets in HashiCorp Vault or OpenBao, in a key-value engine of version 2."""

from __future__ import annotations

import os
from typing import Any

from pegboard_secrets._errors import SecretsUnavailable

_SECONDS = 10


class Vault:
    """Reads one secret of a key-value engine, whose fields are the keys: needs `pip install "pegboard[secrets-vault]"`.

    It is read at each lookup, so a new version is seen at once.

    Args:
        where: `mount/path`, the engine's mount point and the secret's path in it.
        address: Of the server; default is `VAULT_ADDR`.
        token: Default is `VAULT_TOKEN`, read at each lookup.
        namespace: Default is `VAULT_NAMESPACE`.
        timeout: Of each request, in seconds.
    """

    does_io = True

    def __init__(
        self,
        where: str,
        *,
        address: str | None = None,
        token: str | None = None,
        namespace: str | None = None,
        timeout: int = _SECONDS,
    ) -> None:
        self.mount, _, self.path = where.strip("/").partition("/")
        if not self.mount or not self.path:
            raise ValueError(f"Vault is told `mount/path`, such as `secret/my-service`, not {where!r}.")
        self.address = address
        self._token = token
        self._namespace = namespace
        self._timeout = timeout

    def __repr__(self) -> str:
        return f"<Vault {self.mount}/{self.path}>"

    def __str__(self) -> str:
        return f"Vault secret {self.mount}/{self.path}"

    def get(self, key: str, /) -> str | None:
        """Return the field of that name, or None if it, or the secret, is not there.

        Raises:
            SecretsUnavailable: The library is missing, or the server does not answer or refuses.
        """
        value = self._fields().get(key)
        return None if value is None else str(value)

    def _fields(self) -> dict[str, Any]:
        try:
            import hvac
            import hvac.exceptions
            import requests
        except ImportError:
            raise SecretsUnavailable(
                f"{self} needs the library hvac: pip install 'pegboard[secrets-vault]'", provider=str(self)
            ) from None
        client = hvac.Client(
            url=self.address or os.environ.get("VAULT_ADDR"),
            token=self._token or os.environ.get("VAULT_TOKEN"),
            namespace=self._namespace or os.environ.get("VAULT_NAMESPACE"),
            timeout=self._timeout,
        )
        try:
            answer = client.secrets.kv.v2.read_secret_version(
                self.path, mount_point=self.mount, raise_on_deleted_version=True
            )
            fields: dict[str, Any] = answer["data"]["data"]
        except hvac.exceptions.InvalidPath:  # not there, or deleted
            return {}
        except (hvac.exceptions.VaultError, requests.RequestException, KeyError, TypeError) as error:
            raise SecretsUnavailable(
                f"{self} cannot be read: {type(error).__name__}. Look at the address, the token and its policies.",
                provider=str(self),
            ) from None
        else:
            return fields
        finally:
            client.adapter.close()
