"""When the shipped alerts fire: at the first failure, over restarts, for jobs of one process each; and when they do not."""

from __future__ import annotations

import pytest

from pegboard_metrics import names

COUNT = f"{names.DURATION.name}_count"
WEB = {"job": "web", "instance": "a:1"}
FILE = {"job": "node", "exported_job": "nightly", "instance": "host"}
"""As Prometheus names the file of a job, scraped through node_exporter without `honor_labels`."""


def calls(status, values, error="", process=WEB, source="run"):
    """How many calls of a task ended in one way."""
    labels = {names.TASK: "work", names.STATUS: status, names.SOURCE: source, names.ERROR_TYPE: error}
    return (COUNT, {**process, **labels}, values)


def last(instrument, values, process=WEB):
    """When something last happened."""
    return (instrument.name, {**process, names.TASK: "work"}, values)


def dropped(values, process=WEB):
    return (names.DROPPED.name, {**process, names.SIGNAL: "traces", names.REASON: "queue_full"}, values)


def hook_errors(values, process=WEB):
    return (names.HOOK_ERRORS.name, {**process, names.PLUGIN: "audit", names.HOOK: "on_error"}, values)


def no_success(process=WEB):
    """It fires once for a task of a service, however many processes there are."""
    service = {label: value for label, value in process.items() if label != "instance"}
    return {"alertname": "PegboardNoSuccess", "severity": "critical", **service, names.TASK: "work"}


def no_success_here(process=WEB):
    """It fires for one process."""
    return {"alertname": "PegboardNoSuccess", "severity": "warning", **process, names.TASK: "work"}


BUDGET = [
    {"alertname": "PegboardErrorBudgetFast", "severity": "critical", "job": "web", names.TASK: "work"},
    {"alertname": "PegboardErrorBudgetSlow", "severity": "warning", "job": "web", names.TASK: "work"},
]
DROPPED = {
    "alertname": "PegboardTelemetryDropped",
    "severity": "warning",
    "job": "web",
    names.SIGNAL: "traces",
    names.REASON: "queue_full",
}
HOOK_ERRORS = {
    "alertname": "PegboardHookErrors",
    "severity": "warning",
    "job": "web",
    names.PLUGIN: "audit",
    names.HOOK: "on_error",
}
OTHER = {"job": "web", "instance": "b:1"}

SCENARIOS = {
    "all is well": (
        [
            calls("ok", "0+10x70"),
            calls("error", "0x70"),
            last(names.LAST_SUCCESS, "0+60x70"),
            dropped("0x70"),
            hook_errors("0x70"),
        ],
        {"2m": [], "65m": []},
    ),
    "the first failure of a task that never succeeds": (
        [calls("ok", "0x90"), calls("error", "0x9 _x80"), calls("error", "_x10 1x80", "OSError")],
        {"9m": [], "13m": [no_success()], "85m": [no_success()]},
    ),
    "the first failure of a type that no scrape has shown before": (
        [calls("ok", "0x60"), calls("error", "_x10 1x50", "OSError")],
        {"9m": [], "13m": [no_success()]},
    ),
    "three failures of three types": (
        [
            calls("ok", "0x60"),
            calls("error", "_x10 1x50", "A"),
            calls("error", "_x12 1x48", "B"),
            calls("error", "_x14 1x46", "C"),
        ],
        {"16m": [no_success()]},
    ),
    "5,000 at once": (
        [
            calls("ok", "0x60"),
            calls("error", "_x10 5000x50", "OSError"),
            dropped("_x10 5000x50"),
            hook_errors("_x10 900x50"),
        ],
        {"9m": [], "14m": [no_success(), *BUDGET, DROPPED, HOOK_ERRORS]},
    ),
    "a process that fails before it is first seen": (
        [calls("ok", "_x10 0x50"), calls("error", "_x10 1x50", "OSError"), hook_errors("_x10 1x50")],
        {"9m": [], "13m": [no_success(), HOOK_ERRORS]},
    ),
    "a failure after 1,000 successes is none that only fails": (
        [
            calls("ok", "1000+10x60"),
            calls("error", "0x9 1x50", "OSError"),
            last(names.LAST_SUCCESS, "0+60x60"),
            last(names.LAST_FAILURE, "_x10 600x50"),
        ],
        {"13m": [], "50m": []},
    ),
    "a task of the night fails, and nobody looks before the morning": (
        [
            calls("ok", "7x150"),
            calls("error", "_x10 1x140", "OSError"),
            last(names.LAST_SUCCESS, "-80000x150"),
            last(names.LAST_FAILURE, "_x10 600x140"),
        ],
        {"9m": [], "13m": [no_success()], "150m": [no_success()]},
    ),
    "a restart does not hide a failure": (
        [calls("ok", "0x60"), calls("error", "_x10 1x10 stale", "OSError"), calls("error", "_x22 0x40")],
        {"13m": [no_success()], "30m": [no_success()]},
    ),
    "the same failure again after a restart": (
        [hook_errors("0x10 1x20 0x10 1x30"), dropped("0x10 1x20 0x10 1x30")],
        {"14m": [DROPPED, HOOK_ERRORS], "32m": [], "46m": [DROPPED, HOOK_ERRORS]},
    ),
    "a failure after a restart, shortly after a success before it": (
        [
            calls("ok", "0+20x40 0x80"),
            calls("error", "0x46 1x80", "OSError"),
            last(names.LAST_SUCCESS, "0+60x40 stale"),
        ],
        {"50m": [], "95m": [], "105m": [no_success()]},
    ),
    "a restart of a service in good health": (
        [
            calls("ok", "100000+100x30 0+100x40"),
            calls("error", "90+0.1x30 0+0.1x40", "OSError"),
            last(names.LAST_SUCCESS, "0+60x30 stale 1920+60x38"),
            dropped("7x30 0x40"),
            hook_errors("7x30 0x40"),
        ],
        {"29m": [], "32m": [], "34m": [], "60m": []},
    ),
    "what happened before anybody watched": (
        [
            calls("ok", "90+1x60"),
            calls("error", "70x60", "OSError"),
            dropped("5000x60"),
            hook_errors("900x60"),
        ],
        {"1m": [], "3m": [], "5m": [], "15m": [], "50m": []},
    ),
    "a gap in which nothing was scraped": (
        [
            calls("ok", "1000x20 _x60 1000x40"),
            calls("error", "5x20 _x60 5x40", "OSError"),
            dropped("5x20 _x60 5x40"),
            hook_errors("5x20 _x60 5x40"),
        ],
        {"10m": [], "50m": [], "82m": [], "84m": [], "100m": []},
    ),
    "a job of one process a run, which fails every time": (
        [calls("ok", "0x90", process=FILE), calls("error", "1x90", "OSError", process=FILE)],
        {"2m": [no_success(process=FILE)], "90m": [no_success(process=FILE)]},
    ),
    "a job that failed last night and succeeds tonight": (
        [
            calls("ok", "0x30 1x60", process=FILE),
            calls("error", "1x30 stale", "OSError", process=FILE),
            last(names.LAST_SUCCESS, "-80000x30 1860x60", process=FILE),
            last(names.LAST_FAILURE, "-20000x30 stale", process=FILE),
        ],
        {"10m": [no_success(process=FILE)], "35m": [], "90m": []},
    ),
    "a process that is told of a failure which a success followed": (
        [
            calls("ok", "1x90"),
            last(names.LAST_SUCCESS, "-10000x90"),
            last(names.LAST_FAILURE, "-90000x90"),
        ],
        {"90m": []},
    ),
    "a task that is only ever cancelled": (
        [calls("ok", "0x70"), calls("error", "0x70"), calls("cancelled", "0+5x70")],
        {"70m": []},
    ),
    "a task that a cache serves after it failed": (
        [
            calls("ok", "0x120"),
            calls("error", "1x120", "OSError"),
            last(names.LAST_FAILURE, "300x120"),
            last(names.LAST_SUCCESS, "_x10 600x110"),
        ],
        {"9m": [no_success()], "13m": [], "115m": []},
    ),
    "both of two processes never succeed": (
        [
            calls("error", "0+1x90", "OSError"),
            calls("error", "0+1x90", "OSError", process=OTHER),
        ],
        {"14m": [no_success(), *BUDGET], "85m": [no_success(), *BUDGET]},
    ),
    "one of two processes never succeeds": (
        [
            calls("ok", "0x90"),
            calls("error", "0+1x90", "OSError"),
            calls("ok", "0+5000x90", process=OTHER),
            last(names.LAST_SUCCESS, "0+60x90", process=OTHER),
        ],
        {"30m": [], "70m": [no_success_here()]},
    ),
    "a failure of one process, and a success of another since": (
        [
            calls("error", "_x10 1x110", "OSError"),
            last(names.LAST_FAILURE, "_x10 600x110"),
            last(names.LAST_SUCCESS, "60x10 1200x110", process=OTHER),
        ],
        {"100m": []},
    ),
    "a task of the same name in another service": (
        [
            calls("ok", "0+1x60"),
            last(names.LAST_SUCCESS, "0+60x60"),
            calls("error", "_x10 1x50", "OSError", process={"job": "batch", "instance": "c:1"}),
        ],
        {"13m": [no_success(process={"job": "batch", "instance": "c:1"})]},
    ),
}


@pytest.fixture(scope="module")
def otherwise(promtool_scenarios):
    """What went otherwise than expected, by scenario."""
    return promtool_scenarios(SCENARIOS)


@pytest.mark.parametrize("name", SCENARIOS)
def test_what_fires(otherwise, name):
    """These alerts at these times, with these labels, and no other one."""
    assert otherwise.get(name) is None, otherwise[name]
