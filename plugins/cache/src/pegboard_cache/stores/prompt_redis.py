"""A client of a Redis server that waits no longer than the server takes when it is well."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from pegboard_cache.stores.breaker import CircuitBreaker
from pegboard_cache.stores.patience import Patience

_LEAST = 0.015  # seconds: so little that a call does not lose more than 20 ms to a server that fails
_FIRST = 0.25
_STEPS = (_LEAST, 0.06, _FIRST, 1.0)  # a client for each, made when it is needed
MOST = 2.0


class PromptRedis:
    """Has the commands that calls wait for; a server that does not answer in time is left alone for a while.

    Args:
        client_of: Makes a client that waits so many seconds at most.
    """

    def __init__(self, client_of: Callable[[float], Any]) -> None:
        self._client_of = client_of
        self._clients: dict[float, Any] = {}
        self._patience = Patience(_FIRST, _LEAST, MOST, on_load=_FIRST)
        self._breaker = CircuitBreaker(self._probe)
        self._client(MOST)  # refuses an address that cannot be

    @property
    def patient(self) -> Any:
        """The client for those who do wait."""
        return self._client(MOST)

    def get(self, name: bytes) -> Any:
        """Do the server's GET."""
        return self._ask("get", name)

    def set(self, name: bytes, value: Any, **options: Any) -> Any:
        """Do the server's SET."""
        return self._ask("set", name, value, **options)

    def eval(self, script: str, count: int, *args: Any) -> Any:
        """Do the server's EVAL."""
        return self._ask("eval", script, count, *args)

    def close(self) -> None:
        """Close the connections; they are opened again when they are needed."""
        for client in list(self._clients.values()):
            client.close()

    def _ask(self, command: str, *args: Any, **options: Any) -> Any:
        return self._breaker.call(self._timed, command, *args, **options)

    def _timed(self, command: str, *args: Any, **options: Any) -> Any:
        client = self._prompt_client()
        try:
            if not self._patience.is_known:
                client.ping()  # to connect takes longer than to answer, and is not what is learnt
            begun = time.monotonic()
            answer = getattr(client, command)(*args, **options)
        except BaseException as error:
            if not isinstance(error, Exception) or type(error).__name__ == "MaxConnectionsError":
                self._forget(client)
            raise
        self._patience.took(time.monotonic() - begun)
        return answer

    def _forget(self, client: Any) -> None:
        """Go on with another client after an interrupt.

        An answer may be on its way, which would be taken for that of the next question, and the pool may count connections
        as in use for ever.
        """
        self._clients = {step: each for step, each in self._clients.items() if each is not client}

    def _probe(self) -> None:
        self.patient.ping()
        begun = time.monotonic()
        self.patient.ping()
        self._patience.took(time.monotonic() - begun)

    def _prompt_client(self) -> Any:
        wanted = self._patience.seconds()
        return self._client(next((step for step in _STEPS if step >= wanted), MOST))

    def _client(self, seconds: float) -> Any:
        found = self._clients.get(seconds)
        if found is None:
            found = self._clients[seconds] = self._client_of(seconds)
        return found
