"""When the alerts of objectives fire: at the first failure, over restarts, and when a job is late."""

from __future__ import annotations

import pytest

from pegboard_dashboards import SLO
from pegboard_metrics import names

COUNT = f"{names.DURATION.name}_count"
BUCKET = f"{names.DURATION.name}_bucket"
WEB = {"job": "web", "instance": "a:1"}
NIGHTLY = SLO("nightly", fresh="26h")
FETCH = SLO("fetch", 99)
QUICK = SLO("quick", 99, latency="500ms")


def calls(status, values, error="", task="fetch"):
    labels = {**WEB, names.TASK: task, names.STATUS: status, names.SOURCE: "run", names.ERROR_TYPE: error}
    return (COUNT, labels, values)


def bucket(values, bound):
    labels = {**WEB, names.TASK: "quick", names.STATUS: "ok", names.SOURCE: "run", names.ERROR_TYPE: ""}
    return (BUCKET, {**labels, "le": bound}, values)


def last_success(values):
    return (names.LAST_SUCCESS.name, {**WEB, names.TASK: "nightly"}, values)


STALE = {"alertname": "PegboardSLOStale", "severity": "critical", "slo": "nightly", "job": "web"}
MISSING = {
    "alertname": "PegboardSLOMissing",
    "severity": "critical",
    "slo": "nightly",
    names.TASK: "nightly",
}


def burning(name):
    return [
        {"alertname": f"PegboardSLOBurns{speed}", "severity": severity, "slo": name}
        for speed, severity in (("Fast", "critical"), ("Slow", "warning"))
    ]


_OURS = "PegboardSLO.*"

BY_THE_MINUTE = {
    "nothing was called": ([calls("ok", "0x40"), calls("error", "0x40")], {"30m": []}),
    "all is well": ([calls("ok", "0+5x40"), calls("error", "3x40", "OSError")], {"30m": []}),
    "the first failure": (
        [calls("ok", "0x30"), calls("error", "_x10 1x20", "OSError")],
        {"9m": [], "14m": burning("fetch")},
    ),
    "a failure of a process that was never seen before": (
        [calls("ok", "_x10 0x20"), calls("error", "_x10 1x20", "OSError")],
        {"9m": [], "14m": burning("fetch")},
    ),
    "a restart with no failure": (
        [calls("ok", "100+1x15 0+1x20"), calls("error", "50x15 0x20", "OSError")],
        {"14m": [], "17m": [], "30m": []},
    ),
    "a gap": (
        [calls("ok", "100x5 _x20 100x15"), calls("error", "50x5 _x20 50x15", "OSError")],
        {"24m": [], "27m": [], "35m": []},
    ),
    "the first call that is too slow": (
        [calls("ok", "0x10 1x20", task="quick"), bucket("0x30", "0.5"), bucket("0x10 1x20", "+Inf")],
        {"9m": [], "14m": burning("quick 0.5s")},
    ),
    "calls that are quick enough": (
        [
            calls("ok", "0x10 1+1x20", task="quick"),
            bucket("0x10 1+1x20", "0.5"),
            bucket("0x10 1+1x20", "+Inf"),
        ],
        {"14m": [], "25m": []},
    ),
    "calls that were cancelled": ([calls("ok", "0x30"), calls("cancelled", "0+5x30")], {"25m": []}),
}

BY_THE_HOUR = {
    "it succeeds every night": (
        [last_success("3600x24 90000x24 176400x20")],
        {"23h": [], "47h": [], "65h": []},
    ),
    "its file is there and its job is not": (
        [last_success("3600x60")],
        {"26h": [], "28h": [STALE], "60h": [STALE]},
    ),
    "a process that ended after a success": (
        [last_success("3600x10 stale"), calls("ok", "0x80", task="nightly")],
        {"9h": [], "26h": [], "28h": [STALE], "40h": [STALE, MISSING], "75h": [MISSING]},
    ),
    "a process that was started again and is in time": (
        [last_success("3600x10 stale _x10 72000x20")],
        {"12h": [], "24h": [], "38h": []},
    ),
    "it was never seen": ([calls("ok", "0x40")], {"20h": [], "28h": [MISSING]}),
}


@pytest.fixture(scope="module")
def otherwise(promtool_scenarios):
    """What went otherwise than expected, by scenario."""
    return {
        **promtool_scenarios(BY_THE_MINUTE, [FETCH, QUICK], alerts=_OURS),
        **promtool_scenarios(BY_THE_HOUR, [NIGHTLY], "1h", _OURS),
    }


@pytest.mark.parametrize("name", [*BY_THE_MINUTE, *BY_THE_HOUR])
def test_what_fires(otherwise, name):
    """These alerts of objectives at these times, and no other alert that tells of them."""
    assert otherwise.get(name) is None, otherwise[name]
