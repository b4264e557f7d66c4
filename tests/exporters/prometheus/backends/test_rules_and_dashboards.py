"""Rules and dashboards on a real Prometheus, with alerts that reach a real Alertmanager."""

from __future__ import annotations

import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context

import pytest
from prometheus_client import CollectorRegistry

from pegboard import Layer, Order, Session, hookimpl, task
from pegboard_dashboards import _durable as durable
from pegboard_dashboards import dashboards
from pegboard_metrics import Metrics, names
from pegboard_prometheus import Prometheus


class Busy:
    """Does, in every call, what other plugins do: retries, waits, a breaker, late runs; and fails where it watches."""

    name = "busy"

    @hookimpl
    def bind(self, session, task):
        breaker = session.measure("gauge", "pegboard_breaker_state", "", (names.BREAKER,))
        late = session.measure("histogram", "pegboard_schedule_lateness_seconds", "", (names.TASK,))
        missed = session.measure("counter", "pegboard_schedule_missed", "", (names.TASK,))
        runs = session.measure("gauge", durable.RUNS, "", (durable.STATUS,))
        steps = session.measure("histogram", durable.STEPS, "", (names.TASK,))

        async def run(call, proceed):
            call.emit("on_retry", 1, OSError(), 0)
            call.emit("on_cache_hit", "key")
            call.emit("on_cache_miss", "key")
            call.emit("on_wait", "limit", 0.01)
            breaker.labels(**{names.BREAKER: "shop"}).set(2)
            late.labels(**{names.TASK: task.name}).observe(0.1)
            missed.labels(**{names.TASK: task.name}).add(1)
            runs.labels(**{durable.STATUS: "DONE"}).set(1)
            steps.labels(**{names.TASK: task.name}).observe(0.1)
            return await proceed(call)

        return Layer("busy", Order.CACHE, run=run)

    @hookimpl
    def on_cache_hit(self, call):
        raise ValueError


@task
def shaky(x):
    return 1 / x


@task
def doomed():
    raise OSError


def keep_calling(stop):
    while not stop.is_set():
        shaky.run(0)
        shaky.submit(1).result()
        time.sleep(0.02)


@pytest.fixture
def calling(port, server):
    """A session whose task is called over and over, and fails every second time; one call of it hangs."""
    stop = threading.Event()

    @task
    def hang():
        stop.wait(60)

    session = Session(
        Metrics(CollectorRegistry()), Busy(), Prometheus(port, include_default=True), inherit=False
    )
    with session, ThreadPoolExecutor(2) as pool:
        doomed.run()
        pool.submit(copy_context().run, hang)
        pool.submit(copy_context().run, keep_calling, stop)
        try:
            yield server.after_next_scrape()
        finally:
            stop.set()


def test_rules_fire_and_reach_alertmanager(calling, alertmanager, wait_until):
    """Failures, a first one, a stuck call, an open breaker and a failing plugin, each with the labels to find it by."""
    expected = {
        "PegboardNoSuccess": {"severity": "critical", names.TASK: "doomed"},
        "PegboardErrorBudgetFast": {"severity": "critical", names.TASK: "shaky"},
        "PegboardErrorBudgetSlow": {"severity": "warning", names.TASK: "shaky"},
        "PegboardStuck": {"severity": "warning", names.TASK: "hang"},
        "PegboardBreakerOpen": {"severity": "warning", names.BREAKER: "shop"},
        "PegboardHookErrors": {"severity": "warning", names.PLUGIN: "busy", names.HOOK: "on_cache_hit"},
    }

    def arrived():
        found = alertmanager.alerts()
        return found if set(expected) <= set(found) else None

    found = wait_until(arrived, "the arrival of all alerts")
    for name, labels in expected.items():
        assert found[name] == {"alertname": name, "job": "app", **labels}


def test_amtool_lists_them(calling, alertmanager, wait_until, find_program):
    """As a person on call would."""
    amtool = find_program("amtool", "prometheus-alertmanager")
    words = [amtool, f"--alertmanager.url=http://127.0.0.1:{alertmanager.port}", "alert", "query"]

    def listed():
        return (
            "PegboardErrorBudgetFast"
            in subprocess.run(words, capture_output=True, text=True, check=True).stdout
        )

    wait_until(listed, "an alert in amtool")


@pytest.mark.parametrize("name", dashboards())
def test_every_query_of_a_dashboard_answers(calling, wait_until, name):
    """With data, from one application that does a little of everything."""
    board = dashboards()[name]
    values = {"$__rate_interval": "5s", "$__range": "1m", "$job": ".*", "$task": "shaky"}
    queries = [target["expr"] for panel in board["panels"] for target in panel.get("targets", ())]

    def unanswered():
        return [query for query in queries if not calling.query(_filled(query, values))]

    deadline = time.monotonic() + 20
    while (left := unanswered()) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert queries
    assert left == []


def _filled(query, values):
    for variable, value in values.items():
        query = query.replace(variable, value)
    return query
