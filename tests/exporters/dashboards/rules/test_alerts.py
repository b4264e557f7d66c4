"""The alert rules, evaluated by promtool over hours that never passed."""

from __future__ import annotations

import pytest

from pegboard_dashboards import SLO, Thresholds
from pegboard_dashboards import _durable as durable
from pegboard_dashboards.rules.alerts import alert_groups
from pegboard_dashboards.rules.rule import to_yaml
from pegboard_metrics import names

COUNT = f"{names.DURATION.name}_count"
TASK = {"job": "app", names.TASK: "work"}


def calls(ok="0+0x0", error=None, task="work"):
    """Counters of one task, by how its calls ended."""
    labels = {**TASK, names.TASK: task, names.SOURCE: "run", "instance": "a:1"}
    found = [(COUNT, {**labels, names.STATUS: "ok"}, ok)] if ok else []
    if error:
        found.append((COUNT, {**labels, names.STATUS: "error", names.ERROR_TYPE: "OSError"}, error))
    return found


def firing(name, severity, **labels):
    """What a query for one alert finds when it fires."""
    found = {"alertname": name, "alertstate": "firing", "severity": severity, **labels}
    return {f'ALERTS{{alertname="{name}",alertstate="firing"}}': [({"__name__": "ALERTS", **found}, 1)]}


def quiet(*alerts):
    """What a query for alerts finds when they do not fire."""
    return {f'ALERTS{{alertname=~"{"|".join(alerts)}",alertstate="firing"}}': []}


FAST, SLOW = "PegboardErrorBudgetFast", "PegboardErrorBudgetSlow"


def test_a_task_that_fails_often_fires_at_once(promtool_test):
    """A fifth of its calls, for more than an hour; another task does not fire with it."""
    series = [*calls("0+8x120", "0+2x120"), *calls("0+1000x120", "0+1x120", task="fine")]
    promtool_test(series, "70m", firing(FAST, "critical", **TASK))


def test_it_is_quiet_soon_after_the_failures_end(promtool_test):
    """The short window sees that they ended."""
    series = calls("0+8x200", "0+2x70 140+0x130")
    promtool_test(series, "2h", quiet(FAST))


def test_a_task_that_fails_a_little_fires_slowly(promtool_test):
    """4 % are no emergency."""
    series = calls("0+96x400", "0+4x400")
    promtool_test(series, "4h", firing(SLOW, "warning", **TASK) | quiet(FAST))


def test_few_calls_are_no_ratio(promtool_test):
    """One failure of two within an hour says nothing; a lower bound may be set."""
    series = calls("0+0x29 1+0x60", "0+0x49 1+0x60")
    promtool_test(series, "55m", quiet(FAST, SLOW))
    promtool_test(series, "52m", firing(FAST, "critical", **TASK), thresholds=Thresholds(min_calls=1))


def test_another_objective(promtool_test):
    """20 % of failures are fine where half of the calls may fail."""
    promtool_test(calls("0+8x120", "0+2x120"), "70m", quiet(FAST), thresholds=Thresholds(objective=50))


@pytest.mark.parametrize(
    ("success", "fires"),
    [("_x200", True), ("60x200", True), ("60+0x60 4500+0x140", False)],
    ids=["never", "long ago", "lately"],
)
def test_no_success_though_it_is_tried(promtool_test, success, fires):
    """For an hour; a task that never succeeded counts, one that is not tried does not."""
    idle = {**TASK, names.TASK: "idle"}
    series = [
        *calls(None, "0+1x200"),
        (names.LAST_SUCCESS.name, {**TASK, "instance": "a:1"}, success),
        (names.LAST_SUCCESS.name, idle, "60x200"),
    ]
    fired = firing("PegboardNoSuccess", "critical", **TASK)
    promtool_test(series, "2h", fired if fires else quiet("PegboardNoSuccess"))


def test_a_stuck_call(promtool_test):
    """When it is an hour old, or as old as was said."""
    series = [(names.OLDEST_AGE.name, {**TASK, "instance": "a:1"}, "0+60x200")]
    promtool_test(series, "50m", quiet("PegboardStuck"))
    promtool_test(series, "62m", firing("PegboardStuck", "warning", **TASK))
    promtool_test(
        series, "20m", firing("PegboardStuck", "warning", **TASK), thresholds=Thresholds(stuck="15m")
    )


@pytest.mark.parametrize(
    ("status", "alert", "severity"),
    [
        ("STUCK", "PegboardRunStuck", "critical"),
        ("ATTENTION", "PegboardRunAttention", "warning"),
        ("UNDO_FAILED", "PegboardRunAttention", "warning"),
        ("FAILED", None, ""),
    ],
)
def test_a_durable_run_that_wants_a_look(promtool_test, status, alert, severity):
    """One of the whole journal, whoever tells of it; a failed one has failed, and that is all."""
    told = [
        (durable.RUNS, {"job": "app", "instance": instance, durable.STATUS: status}, "2x60")
        for instance in ("a:1", "b:1")
    ]
    quiet_ones = {"PegboardRunStuck", "PegboardRunAttention"} - {alert}
    expected = quiet(*sorted(quiet_ones))
    if alert is not None:
        expected |= firing(alert, severity, job="app")
    promtool_test(told, "20m", expected)


def test_an_open_breaker(promtool_test):
    """After five minutes; a half open one is on its way back."""
    labels = {"job": "app", names.BREAKER: "shop"}
    series = [(names.BREAKER_STATE.name, {**labels, "instance": "a:1"}, "0x9 2x20")]
    promtool_test(series, "13m", quiet("PegboardBreakerOpen"))
    promtool_test(series, "16m", firing("PegboardBreakerOpen", "warning", **labels))
    half = [(names.BREAKER_STATE.name, labels, "1x60")]
    promtool_test(half, "30m", quiet("PegboardBreakerOpen"))


def test_abandoned_threads(promtool_test):
    """More than ten for a quarter of an hour."""
    labels = {"job": "app", "instance": "a:1"}
    series = [(names.ABANDONED.name, labels, "11x60")]
    promtool_test(series, "10m", quiet("PegboardAbandonedThreads"))
    promtool_test(series, "16m", firing("PegboardAbandonedThreads", "warning", **labels))


def test_dropped_telemetry_and_failing_plugins(promtool_test):
    """When the counters move, and not because they are above 0."""
    dropped = {"job": "app", names.SIGNAL: "metrics", names.REASON: "label_sets"}
    hook = {"job": "app", names.PLUGIN: "mine", names.HOOK: "on_error"}
    series = [(names.DROPPED.name, dropped, "5x60 6x60"), (names.HOOK_ERRORS.name, hook, "5x60 6x60")]
    both = ("PegboardTelemetryDropped", "PegboardHookErrors")
    promtool_test(series, "50m", quiet(*both))
    expected = {**firing(both[0], "warning", **dropped), **firing(both[1], "warning", **hook)}
    promtool_test(series, "65m", expected)
    promtool_test(series, "100m", quiet(*both))


@pytest.mark.parametrize(
    ("settings", "word"),
    [
        ({"objective": 0.99}, "per cent"),
        ({"objective": 100}, "per cent"),
        ({"objective": "99"}, "per cent"),
        ({"stuck": "soon"}, "26h"),
        ({"stuck": 0}, "26h"),
        ({"no_success": -5}, "26h"),
        ({"min_calls": -1}, "min_calls"),
    ],
)
def test_thresholds_make_sense(settings, word):
    """What is refused, and the word that helps."""
    with pytest.raises(ValueError, match=word):
        Thresholds(**settings)


def test_long_times_are_written_to_the_second():
    """And not in the six digits that a number is otherwise shown with."""
    given = 1_234_567
    text = to_yaml(alert_groups(Thresholds(stuck=given, no_success=given))) + SLO("a", fresh=given).to_yaml()
    assert text.count("1234567") == text.count("123456") > 3
    assert "e+" not in text


def test_thresholds_of_any_length_are_read_by_prometheus(tmp_path, promtool):
    """From a millisecond to a hundred years."""
    for times in (0.001, 0.0015, 90.5, "1.5d", "100y"):
        path = tmp_path / "alerts.yml"
        path.write_text(to_yaml(alert_groups(Thresholds(no_success=times, stuck=times, breaker_open=times))))
        assert "SUCCESS" in promtool("check", "rules", str(path))
