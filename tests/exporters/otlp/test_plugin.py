"""The exporter in its sessions: what arrives, when its threads live, and what it refuses."""

from __future__ import annotations

import asyncio
import logging
import os
import subprocess
import sys
import threading
import time

import pytest
from opentelemetry import metrics as metrics_api
from opentelemetry import trace as trace_api

from pegboard import ConfigError, MissingPlugin, Session, hookimpl, task
from pegboard.testing import check_plugin
from pegboard_otlp import OTLP
from pegboard_tracing import Tracing


@task
def invert(x):
    return 1 / x


@task
async def invert_later(x):
    await asyncio.sleep(0)
    return 1 / x


@task
def inverts(xs):
    for x in xs:
        yield 1 / x


@task
async def inverts_later(xs):
    for x in xs:
        yield 1 / x


async def collect(stream):
    return [item async for item in stream]


CALLS = {
    "function": invert,
    "coroutine": lambda x: asyncio.run(invert_later(x)),
    "generator": lambda x: list(inverts([x])),
    "async generator": lambda x: asyncio.run(collect(inverts_later([x]))),
}


def values(metric):
    """The numbers of a metric's points, by their attributes."""
    points = getattr(metric, metric.WhichOneof("data")).data_points
    return {
        tuple(sorted((pair.key, pair.value.string_value) for pair in point.attributes)): (
            point.count if hasattr(point, "bucket_counts") else point.as_int or point.as_double
        )
        for point in points
    }


@pytest.mark.parametrize("kind", CALLS)
def test_spans_and_metrics_arrive(receiver, metrics, kind):
    """All four kinds of task: one span and one measurement a call, from one scope with version and schema."""
    with Session(Tracing(), metrics, OTLP(receiver.url), strict=True, inherit=False):
        CALLS[kind](1)
        with pytest.raises(ZeroDivisionError):
            CALLS[kind](0)
    assert len(receiver.spans) == 2
    assert sum(values(receiver.pushes[-1]["pegboard.task.duration"]).values()) == 2


def test_all_signals_name_one_service(receiver, metrics):
    """OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES are on spans, metrics and logs alike."""
    os.environ |= {
        "OTEL_SERVICE_NAME": "shop",
        "OTEL_RESOURCE_ATTRIBUTES": "deployment.environment.name=test",
    }
    with Session(Tracing(), metrics, OTLP(receiver.url, logs=True), inherit=False):
        invert(1)
        logging.getLogger("shop").warning("sold out")
    assert len(receiver.resources) == 3
    assert all(each == receiver.resources[0] for each in receiver.resources)
    assert receiver.resources[0]["service.name"] == "shop"
    assert receiver.resources[0]["deployment.environment.name"] == "test"


def test_metrics_go_out_every_interval(receiver, metrics):
    """The first push comes after `metric_interval` seconds, not at the end."""
    with Session(metrics, OTLP(receiver.url, metric_interval=0.05), inherit=False):
        invert(1)
        deadline = time.monotonic() + 10
        while not receiver.pushes and time.monotonic() < deadline:
            time.sleep(0.01)
        assert receiver.pushes


def test_full_batches_do_not_wait(receiver, metrics):
    """Of 512 spans the first batch goes at once, and a half-full one with the end."""
    with Session(Tracing(), metrics, OTLP(receiver.url, metrics=False), inherit=False):
        for _ in range(600):
            invert(1)
        deadline = time.monotonic() + 4  # the delay of a batch that is not full is 5
        while len(receiver.spans) < 512 and time.monotonic() < deadline:
            time.sleep(0.01)
        assert len(receiver.spans) == 512
    assert len(receiver.spans) == 600


def test_flush_sends_what_is_there(receiver, metrics):
    """`flush` leaves the session open and returns once all of it has arrived."""
    otlp = OTLP(receiver.url)
    with Session(Tracing(), metrics, otlp, inherit=False):
        invert(1)
        assert otlp.flush(10)
        assert len(receiver.spans) == 1
        assert len(receiver.pushes) == 1
        receiver.status = 400
        invert(1)
        assert not otlp.flush(10)
        receiver.status = 200
    assert otlp.flush()


@pytest.mark.parametrize("order", ["first", "last"])
def test_the_order_of_attachment_does_not_matter(receiver, metrics, order):
    """Whether tracing ends before or after it, every span arrives, and the end waits once."""
    plugins = [Tracing(), metrics]
    plugins.insert(0 if order == "first" else 2, OTLP(receiver.url))
    with Session(*plugins, inherit=False):
        for _ in range(100):
            invert(1)
    assert len(receiver.spans) == 100
    assert len(receiver.pushes) == 1


def test_an_async_session_sends_too(receiver, metrics):
    """As a sync one."""

    async def main():
        async with Session(Tracing(), metrics, OTLP(receiver.url), inherit=False):
            await invert_later(2)

    asyncio.run(main())
    assert [span.name for span in receiver.spans] == ["invert_later"]


def test_one_instance_serves_several_sessions(receiver, metrics):
    """At once and one after another; each ends with its own spans delivered."""
    otlp = OTLP(receiver.url)
    for _ in range(2):
        with Session(Tracing(), metrics, otlp, inherit=False):
            invert(1)
            with Session(Tracing(), otlp):
                invert(2)
    assert len(receiver.spans) == 4


def test_an_inner_session_that_inherits_it_ends_nothing(receiver, metrics):
    """Its spans go with those of the outer one."""
    with Session(Tracing(), metrics, OTLP(receiver.url), inherit=False):
        with Session():
            invert(1)
        invert(2)
    assert len(receiver.spans) == 2


@pytest.mark.parametrize("order", [1, -1], ids=["metrics", "tracing"])
def test_one_of_the_two_plugins_is_enough(receiver, metrics, order):
    """The signals that are there are sent."""
    plugin = [Tracing(), metrics][::order][1]
    with Session(plugin, OTLP(receiver.url), inherit=False):
        invert(1)
    assert bool(receiver.spans) == (plugin is not metrics)
    assert bool(receiver.pushes) == (plugin is metrics)


def test_logs_alone_need_no_plugin(receiver):
    """What is logged needs nobody to make it."""
    with Session(OTLP(receiver.url, traces=False, metrics=False, logs=True), inherit=False):
        logging.getLogger("shop").error("burnt")
    assert [name for name, _ in receiver.records] == ["shop"]


@pytest.mark.parametrize(
    ("wanted", "named"),
    [({}, "tracing and metrics"), ({"metrics": False}, "tracing"), ({"traces": False}, "metrics")],
    ids=["both", "traces", "metrics"],
)
def test_without_anything_to_send_it_says_what_to_attach(receiver, wanted, named):
    """A session in which nothing would ever be sent does not start."""
    with pytest.raises(MissingPlugin, match=rf"plugins {named} make") as caught:
        Session(OTLP(receiver.url, **wanted), inherit=False).__enter__()
    assert caught.value.plugin == named.split()[0]


def test_a_provider_of_the_user_is_refused(receiver):
    """The spans would go to one place or the other, so tracing says so."""
    from opentelemetry.sdk.trace import TracerProvider

    provider = TracerProvider(shutdown_on_exit=False)
    with pytest.raises(ConfigError, match="tracer_provider"):
        Session(OTLP(receiver.url), Tracing(provider), inherit=False).__enter__()


def test_disabled_by_the_environment_nothing_is_sent(receiver, metrics):
    """OTEL_SDK_DISABLED=true switches it off, and tasks go on."""
    os.environ["OTEL_SDK_DISABLED"] = "true"
    with Session(Tracing(), metrics, OTLP(receiver.url, logs=True), inherit=False):
        assert invert(2) == 0.5
        logging.getLogger("shop").error("burnt")
    assert receiver.requests == []


def test_another_plugin_that_fails_changes_nothing(receiver, metrics):
    """Same results, spans and metrics beside a plugin that raises in every hook, and its errors are counted."""

    class Failing:
        name = "failing"

        @hookimpl
        def before_execute(self):
            raise OSError

        @hookimpl
        def after_attempt(self):
            raise asyncio.CancelledError

        @hookimpl
        def after_execute(self):
            raise ValueError

    with Session(Tracing(), metrics, OTLP(receiver.url), Failing(), inherit=False):
        results = [call(2) for call in CALLS.values()]
    assert results == [0.5, 0.5, [0.5], [0.5]]
    assert sorted(span.name for span in receiver.spans) == sorted(
        ["invert", "invert_later", "inverts", "inverts_later"]
    )
    pushed = receiver.pushes[-1]
    assert sum(values(pushed["pegboard.task.duration"]).values()) == 4
    errors = values(pushed["pegboard.hook.errors"])
    assert {hook: number for (hook, _), number in errors.items() if number} == {
        ("pegboard.hook", "before_execute"): 4,
        ("pegboard.hook", "after_attempt"): 4,
        ("pegboard.hook", "after_execute"): 4,
    }


def test_no_global_provider_is_set(receiver, metrics):
    """The global tracer and meter providers are what they were, before, during and after."""
    before = trace_api.get_tracer_provider(), metrics_api.get_meter_provider()
    with Session(Tracing(), metrics, OTLP(receiver.url), inherit=False):
        invert(1)
        assert (trace_api.get_tracer_provider(), metrics_api.get_meter_provider()) == before
    assert (trace_api.get_tracer_provider(), metrics_api.get_meter_provider()) == before
    assert isinstance(before[0], trace_api.ProxyTracerProvider)


def test_importing_it_loads_no_sdk_and_starts_nothing():
    """Importing and making it is cheap; vendor libraries come when a session starts."""
    code = (
        "import sys, threading, pegboard_otlp; pegboard_otlp.OTLP('http://localhost:4318');"
        "print([m for m in sys.modules if m.startswith(('opentelemetry', 'prometheus_client', 'requests', 'grpc'))],"
        " threading.active_count())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[] 1"


def test_the_threads_are_daemons(receiver, metrics):
    """A program never waits for them but at the end of its session."""
    with Session(Tracing(), metrics, OTLP(receiver.url), inherit=False):
        invert(1)
        own = [each for each in threading.enumerate() if each.name.startswith("pegboard-otlp")]
        assert sorted(each.name for each in own) == ["pegboard-otlp-metrics", "pegboard-otlp-traces"]
        assert all(each.daemon for each in own)


def test_a_session_that_fails_to_start_leaves_nothing(receiver, metrics):
    """Threads and handlers are gone again when a later plugin's start fails."""

    class Failing:
        name = "failing"

        @hookimpl
        def session_start(self):
            raise RuntimeError

    with pytest.raises(RuntimeError):
        Session(Tracing(), metrics, OTLP(receiver.url, logs=True), Failing(), inherit=False).__enter__()


def test_it_binds_nothing_to_tasks(receiver, metrics):
    """An exporter costs a call nothing of its own."""
    with Session(Tracing(), metrics, OTLP(receiver.url), inherit=False) as session:
        assert "otlp" not in str(session.explain(invert))


def test_its_hooks_are_well_formed(receiver):
    """The kit's checks of plugins pass."""
    check_plugin(lambda: OTLP(receiver.url, traces=False, metrics=False, logs=True))


def test_a_plugin_attached_later_is_sent_too(receiver, metrics):
    """Metrics that come in mid-session, as by a task's option, are found."""
    with Session(Tracing(), OTLP(receiver.url), inherit=False) as session:
        session.register(metrics)
        invert(1)
    assert sum(values(receiver.pushes[-1]["pegboard.task.duration"]).values()) == 1
