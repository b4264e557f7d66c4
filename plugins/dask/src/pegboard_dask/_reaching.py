"""The way to a scheduler that is there already."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from distributed import Client, Security
from distributed.comm import core

from pegboard_dask._errors import ClusterUnreachable

_SLACK = 0.5
_make_client: Any = Client  # distributed leaves half of its functions without types
_make_security: Any = Security
_comm: Any = core


def reach(address: str, security: Security | bool | None, timeout: float) -> Client:
    """Connect to a scheduler.

    Raises:
        ClusterUnreachable: It does not answer in time, or not as a scheduler does.
    """
    try:
        _try(address, security, timeout)
        client: Client = _make_client(address, timeout=timeout, security=security, set_as_default=False)
    except Exception as error:
        cause = error.__cause__ or error
        said = f"{type(cause).__name__}: {cause}".rstrip(": ")
        raise ClusterUnreachable(
            f"no Dask scheduler answers at {address} within {timeout:g} s: {said}\n"
            f"Is it running there, reachable from here, and TLS on or off at both ends?",
            address=address,
            timeout=timeout,
        ) from error
    return client


def _try(address: str, security: Security | bool | None, timeout: float) -> None:
    """Shake hands and leave: a client that cannot connect would leave its thread behind."""

    async def shake_hands() -> None:
        known: Any = security if isinstance(security, Security) else _make_security()
        connecting = _comm.connect(address, timeout=timeout, **known.get_connection_args("client"))
        # Of somebody who says nothing, `connect` alone would wait for a goodbye.
        comm = await asyncio.wait_for(connecting, timeout + _SLACK)
        await comm.close()

    with ThreadPoolExecutor(1) as pool:  # this thread may have an event loop of its own
        pool.submit(asyncio.run, shake_hands()).result()
