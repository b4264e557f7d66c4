"""Any function, as bytes: what a worker is asked to run, and what it answers."""

from __future__ import annotations

from contextvars import copy_context

from pegboard._remote.crossing import pack
from pegboard._remote.pickling import dumps, loads


def run_bytes(payload: bytes) -> bytes:
    """Run a pickled `(function, args, kwargs)` and return the pickled result; for `Executor.submit`."""
    try:
        function, args, kwargs = loads(payload)
        return dumps((True, copy_context().run(function, *args, **kwargs)))
    except BaseException as error:  # noqa: BLE001 - raised at home
        return dumps((False, pack(error, sensitive=False)))
