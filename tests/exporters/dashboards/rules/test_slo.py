"""Rules that watch over the objectives of one task."""

from __future__ import annotations

from datetime import timedelta

import pytest

from pegboard import task
from pegboard_dashboards import SLO
from pegboard_metrics import names

COUNT = f"{names.DURATION.name}_count"
BUCKET = f"{names.DURATION.name}_bucket"
LABELS = {"job": "app", names.TASK: "fetch", names.SOURCE: "run"}


def series(ok, failed, slow=0):
    """Counters of calls a minute: those that succeeded, of which some took more than a second, and those that failed."""
    made = []
    for status, number, within in (("ok", ok, ok - slow), ("error", failed, failed)):
        labels = {**LABELS, names.STATUS: status}
        made.append((COUNT, labels, f"0+{number}x130"))
        made += [(BUCKET, {**labels, "le": bound}, f"0+{within}x130") for bound in ("1.0", "1")]
        made.append((BUCKET, {**labels, "le": "+Inf"}, f"0+{number}x130"))
    return made


def ratio(slo, value, window="1h"):
    name = f"slo:pegboard_errors:ratio_rate{window}"
    return {f"round({name}, 0.001)": [({"slo": slo.name}, value)]}


def fired(*names_of_alerts):
    """The alerts that fire, by name."""
    return {
        'count by (alertname) (ALERTS{alertstate="firing",alertname=~"PegboardSLO.*"})': [
            ({"alertname": name}, 1) for name in sorted(names_of_alerts)
        ]
    }


def test_failures_use_up_the_budget(promtool_test):
    """2 % of failures burn a budget of 0.1 % twenty times too fast; what is left is below nothing."""
    slo = SLO("fetch", 99.9)
    expected = ratio(slo, 0.02) | fired("PegboardSLOBurnsFast", "PegboardSLOBurnsSlow")
    left = {"round(slo:pegboard_error_budget:left)": [({"slo": "fetch"}, -19)]}
    promtool_test(series(98, 2), "2h", expected | left, slos=[slo])


@pytest.mark.slow
def test_within_the_budget_nothing_fires(promtool_test):
    """2 % of failures are half of what 96 % allow; half of the budget is left."""
    slo = SLO("fetch", 96)
    left = {"round(slo:pegboard_error_budget:left, 0.01)": [({"slo": "fetch"}, 0.5)]}
    promtool_test(series(98, 2), "2h", ratio(slo, 0.02) | fired() | left, slos=[slo])


@pytest.mark.slow
@pytest.mark.parametrize("written", ["1.0", "1"], ids=["as scraped", "as sent over OTLP"])
def test_slow_calls_count_where_there_is_a_latency(promtool_test, written):
    """A bound is found however it is written; a failure is bad, however fast."""
    slo = SLO("fetch", 99, latency=1)
    other = {"1.0": "1", "1": "1.0"}[written]
    fed = [entry for entry in series(98, 2, slow=8) if entry[1].get("le") != other]
    promtool_test(fed, "2h", ratio(slo, 0.1), slos=[slo])


def test_a_task_that_never_fails_has_a_ratio(promtool_test):
    """0, and not nothing."""
    slo = SLO("fetch")
    fed = [(COUNT, {**LABELS, names.STATUS: "ok"}, "0+5x130")]
    promtool_test(fed, "1h", ratio(slo, 0) | fired(), slos=[slo])


@pytest.mark.slow
def test_another_job_does_not_count_where_one_is_named(promtool_test):
    """Several jobs may have a task of this name."""
    slo = SLO("fetch", job="app")
    other = {**LABELS, "job": "other", names.STATUS: "error"}
    fed = [(COUNT, {**LABELS, names.STATUS: "ok"}, "0+5x130"), (COUNT, other, "0+5x130")]
    promtool_test(fed, "1h", ratio(slo, 0), slos=[slo])
    both = SLO("fetch")
    promtool_test(fed, "1h", ratio(both, 0.5), slos=[both])


@pytest.mark.parametrize(
    ("arguments", "settings", "word"),
    [
        (("fetch", 0.999), {}, "per cent"),
        (("fetch", True), {}, "per cent"),
        (("fetch",), {"latency": 0.7}, "Take one of"),
        (("fetch",), {"fresh": "1 day"}, "26h"),
        (("fetch",), {"window": "month"}, "30d|15m"),
    ],
)
def test_what_makes_no_sense_is_refused(arguments, settings, word):
    """When it is written, with a word that helps."""
    with pytest.raises(ValueError, match=word):
        SLO(*arguments, **settings)


@pytest.mark.parametrize("wrong", [None, "", 3, b"fetch", len])
def test_an_objective_is_one_of_a_task(wrong):
    """A task, or the name of one."""
    with pytest.raises(ValueError, match="a task is meant, or the name of one"):
        SLO(wrong)


def test_the_name_is_that_of_the_label():
    """A task is asked for its name, and what UTF-8 cannot hold is escaped as a scrape has it."""
    assert SLO(task(name="fetch {day}")(lambda day: day)).task == "fetch {day}"
    assert SLO("odd\udcff").task == r"odd\udcff"


@pytest.mark.parametrize("latency", [0.3, "300ms", "1.5s", 3, "2h"])
def test_a_latency_between_two_buckets_is_refused(latency):
    """Nothing is rounded without being asked: the bounds are said, of which one is to be taken."""
    with pytest.raises(ValueError, match=r"Take one of 0\.001, 0\.0025, .* 3600 \(seconds\)"):
        SLO("fetch", latency=latency)


@pytest.mark.parametrize("objective", [0.99, 1, 49.9, 100, 101, -1, float("nan"), True, None, "99", "99%"])
def test_an_objective_is_per_cent(objective):
    """From 50, and below 100: a ratio is a likely mistake, and with 100 the first failure would be one too many."""
    with pytest.raises(ValueError, match="per cent of the calls"):
        SLO("fetch", objective)


def test_a_task_that_is_not_called_has_a_ratio(promtool_test):
    """0 as well, and the whole budget; what no scrape has ever had, has none."""
    slo = SLO("fetch")
    left = {
        "slo:pegboard_error_budget:left": [
            ({"__name__": "slo:pegboard_error_budget:left", "slo": "fetch"}, 1)
        ]
    }
    promtool_test([(COUNT, {**LABELS, names.STATUS: "ok"}, "0x30")], "20m", ratio(slo, 0) | left, slos=[slo])
    absent = {"slo:pegboard_errors:ratio_rate1h": [], "slo:pegboard_error_budget:left": []}
    promtool_test([("up", {"job": "app"}, "1x30")], "20m", absent, slos=[slo])


def test_times_are_written_in_three_ways():
    """Seconds, a timedelta, or as Prometheus does."""
    assert {SLO("a", fresh=fresh).fresh for fresh in (93_600, timedelta(hours=26), "26h")} == {93_600}
    assert SLO("a", latency="500ms").latency == 0.5
