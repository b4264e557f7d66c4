"""The recording rules, evaluated by promtool over hours that never passed."""

from __future__ import annotations

from pegboard_metrics import names

COUNT = f"{names.DURATION.name}_count"
TASK = {"job": "app", names.TASK: "work"}


def counted(status, values, task="work"):
    """The counter of one task's calls that ended in one way."""
    return (COUNT, {**TASK, names.TASK: task, names.STATUS: status}, values)


def test_what_is_recorded(promtool_test):
    """The ratio of errors is 0 for a task that never fails; cancelled calls do not count."""
    series = [counted("ok", "0+9x60"), counted("error", "0+1x60"), counted("cancelled", "0+50x60")]
    series.append(counted("ok", "0+6x60", task="fine"))
    fine = {**TASK, names.TASK: "fine"}
    promtool_test(
        series,
        "30m",
        {
            "round(job_task:pegboard_errors:ratio_rate5m, 0.01)": [(TASK, 0.1), (fine, 0)],
            "round(job_task:pegboard_calls:rate5m * 60)": [(TASK, 10), (fine, 6)],
            "job_task:pegboard_calls:increase1h > bool 100": [(TASK, 1), (fine, 1)],
        },
    )


def test_quantiles_and_the_cache_are_recorded(promtool_test):
    """From buckets and lookups."""
    buckets = [
        (f"{names.DURATION.name}_bucket", {**TASK, "le": bound}, f"0+{count}x60")
        for bound, count in (("1.0", 0), ("2.5", 10), ("+Inf", 10))
    ]
    lookups = [
        (names.CACHE_LOOKUPS.name, {**TASK, names.CACHE_RESULT: result}, f"0+{count}x60")
        for result, count in (("hit", 3), ("miss", 1))
    ]
    promtool_test(
        [*buckets, *lookups],
        "30m",
        {
            "round(job_task:pegboard_duration_seconds:p50_5m, 0.01)": [(TASK, 1.75)],
            "round(job_task:pegboard_duration_seconds:p99_5m > 2.4, 0.1)": [(TASK, 2.5)],
            "job_task:pegboard_cache_hits:ratio_rate5m * 4": [(TASK, 3)],
        },
    )


def test_failures_are_counted_from_the_first_on(promtool_test):
    """Of any type, in a process that was not seen before, and again after a restart."""
    series = [
        (COUNT, {**TASK, names.STATUS: "ok"}, "0x20 0x20"),
        (COUNT, {**TASK, names.STATUS: "error", names.ERROR_TYPE: "A"}, "_x5 1x10 stale _x14 1x10"),
        (COUNT, {**TASK, names.STATUS: "error", names.ERROR_TYPE: "B"}, "_x10 2x5"),
        (COUNT, {**TASK, "instance": "b", names.STATUS: "error", names.ERROR_TYPE: "A"}, "_x12 4x28"),
    ]
    total = "sum(max_over_time(job_instance_task:pegboard_errors:total[40m:1m]))"
    promtool_test(
        series,
        "35m",
        {
            "job_task:pegboard_errors:ratio_rate1h": [
                ({"__name__": "job_task:pegboard_errors:ratio_rate1h", **TASK}, 1)
            ],
            "round(job_task:pegboard_calls:increase1h) >= bool 8": [(TASK, 1)],
            total: [({}, 7)],
        },
    )


def test_a_task_without_calls_has_a_ratio_of_0(promtool_test):
    """Nothing of it failed; neither did anything of one that is only ever cancelled."""
    series = [counted("ok", "0x30"), counted("ok", "0x30", task="stopped")]
    series.append(counted("cancelled", "0+5x30", task="stopped"))
    name = "job_task:pegboard_errors:ratio_rate1h"
    tasks = (TASK, {**TASK, names.TASK: "stopped"})
    promtool_test(series, "20m", {name: [({"__name__": name, **labels}, 0) for labels in tasks]})


def test_hits_of_a_cache_that_was_not_asked_are_0(promtool_test):
    """The ratio is there as soon as there is a cache."""
    series = [
        (names.CACHE_LOOKUPS.name, {**TASK, names.CACHE_RESULT: result}, "0x30") for result in ("hit", "miss")
    ]
    name = "job_task:pegboard_cache_hits:ratio_rate5m"
    promtool_test(series, "20m", {name: [({"__name__": name, **TASK}, 0)]})
