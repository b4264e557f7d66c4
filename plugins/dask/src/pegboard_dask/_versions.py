"""Which versions have to be the same on both sides."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version

from pegboard_dask._errors import ClusterMismatch

_SAME = ("pegboard-core", "pegboard-dask")


def versions() -> dict[str, str | None]:
    """Return those of this process: of Python its first two numbers, as functions travel as its bytecode."""
    found: dict[str, str | None] = {"python": ".".join(map(str, sys.version_info[:2]))}
    for distribution in _SAME:
        try:
            found[distribution] = version(distribution)
        except PackageNotFoundError:
            found[distribution] = None
    return found


def check_versions(here: Mapping[str, str | None], there: Mapping[str, str | None], worker: str) -> None:
    """Compare, on the worker.

    Raises:
        ClusterMismatch: The first that differs.
    """
    for what, wanted in here.items():
        if there.get(what) != wanted:
            raise mismatch(what, wanted, there.get(what), worker)


def mismatch(what: str, here: str | None, there: str | None, worker: str | None) -> ClusterMismatch:
    """Say what differs, and where."""
    where = "the workers have" if worker is None else f"the worker {worker} has"
    return ClusterMismatch(
        f"{where} {what} {there or 'not installed'}, and here it is {here or 'not installed'}.\n"
        f"Functions and results would not mean the same on both sides: install the same versions there.",
        what=what,
        here=here,
        there=there,
        worker=worker,
    )
