"""Versions that differ between here and a worker."""

from __future__ import annotations

import sys

import pytest

from pegboard_dask import ClusterMismatch
from pegboard_dask._versions import check_versions, mismatch, versions


def test_the_versions_of_this_process():
    """Python's two numbers, and those of the core and of this plugin."""
    found = versions()
    assert found["python"] == f"{sys.version_info[0]}.{sys.version_info[1]}"
    assert list(found) == ["python", "pegboard-core", "pegboard-dask"]


def test_the_same_versions_are_fine():
    """Nothing is raised for a worker like this process."""
    check_versions(versions(), versions(), "tcp://10.0.0.1:1")


@pytest.mark.parametrize("what", ["python", "pegboard-core", "pegboard-dask"])
def test_another_version_is_refused(what):
    """The error says what differs, here and there, and on which worker; and how to mend it."""
    there = versions() | {what: "0.0"}
    with pytest.raises(ClusterMismatch, match="install the same versions") as raised:
        check_versions(versions(), there, "tcp://10.0.0.1:1")
    assert (raised.value.what, raised.value.there, raised.value.worker) == (what, "0.0", "tcp://10.0.0.1:1")


def test_a_distribution_that_is_missing_there_is_named():
    """Without the plugin on the workers, the error says so."""
    error = mismatch("pegboard_dask", "0.1.0", None, None)
    assert "the workers have pegboard_dask not installed" in str(error)
