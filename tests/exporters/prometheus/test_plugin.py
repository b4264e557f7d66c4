"""The exporter in its sessions: what it serves, when it opens and closes, and what it refuses."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
import threading

import pytest
from prometheus_client import REGISTRY, CollectorRegistry, Counter

import pegboard
from pegboard import ConfigError, Layer, MissingPlugin, Order, Session, hookimpl, task
from pegboard.testing import check_plugin
from pegboard_metrics import Metrics
from pegboard_prometheus import Prometheus

OPENMETRICS = "application/openmetrics-text; version=1.0.0"
COUNT = "pegboard_task_duration_seconds_count"


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


def listens(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def own_threads():
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("pegboard-prometheus")]


def count(samples, task_name, status):
    return sum(
        sample.value
        for (name, *labels), sample in samples.items()
        if name == COUNT
        and {("pegboard_task_name", task_name), ("pegboard_call_status", status)} <= {*labels}
    )


@pytest.mark.parametrize("accept", ["text/plain", OPENMETRICS], ids=["text", "openmetrics"])
def test_a_scrape_counts_what_ran(scrape, accept):
    """Tasks of all four kinds, by status, exactly as often as they were called, in both formats."""
    for number in range(1, 4):
        invert(number)
        list(inverts([number]))
        asyncio.run(invert_later(number))
    invert.run(0)
    inverts.run([1, 0])
    asyncio.run(inverts_later.arun([1, 0]))
    samples = scrape(Accept=accept).samples()
    assert {
        (name, status): count(samples, name, status)
        for name in ("invert", "invert_later", "inverts", "inverts_later")
        for status in ("ok", "error")
        if count(samples, name, status)
    } == {
        ("invert", "ok"): 3,
        ("invert", "error"): 1,
        ("invert_later", "ok"): 3,
        ("inverts", "ok"): 3,
        ("inverts", "error"): 1,
        ("inverts_later", "error"): 1,
    }


def test_both_formats_and_the_registry_agree(scrape, metrics):
    """The same values under the same names, whichever way they are read."""
    for number in range(5):
        invert.run(number)
    text = {key: sample.value for key, sample in scrape().samples().items()}
    openmetrics = {key: sample.value for key, sample in scrape(Accept=OPENMETRICS).samples().items()}
    registry = {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in metrics.registry.collect()
        for sample in family.samples
        if not sample.name.endswith("_created")
    }
    assert text == openmetrics == registry


def test_times_of_creation_are_left_out(scrape):
    """They would double the series; the registry keeps them."""
    invert(1)
    for accept in ("text/plain", OPENMETRICS):
        assert b"_created" not in scrape(Accept=accept).body


def test_exemplars_are_in_openmetrics_alone(metrics, prometheus, ask):
    """A sampled call can be found again by its trace; plain text has no place for that."""

    class Spanning:
        name = "spanning"

        @hookimpl
        def before_execute(self, call):
            call.trace_id, call.span_id, call.sampled = "ab" * 16, "cd" * 8, True

    with Session(metrics, prometheus, Spanning(), inherit=False):
        invert(1)
        found = [
            s.exemplar for s in ask(prometheus.port, Accept=OPENMETRICS).samples().values() if s.exemplar
        ]
        plain = ask(prometheus.port).body
    assert [exemplar.labels for exemplar in found] == [{"trace_id": "ab" * 16, "span_id": "cd" * 8}]
    assert b"trace_id" not in plain


def test_a_call_is_active_in_a_scrape_made_during_it(scrape):
    """A scrape tells of now, and a task may scrape its own process."""

    @task
    def look():
        return scrape().samples()["pegboard_task_active", ("pegboard_task_name", "look")].value

    assert look() == 1


def test_the_global_registry_is_served_only_when_asked(metrics, ask):
    """What the user registers elsewhere is the user's; one registry for both is served once."""
    mine = Counter("mine", "The user's.", registry=REGISTRY)
    mine.inc(3)
    try:
        for include, served in ((False, False), (True, True)):
            prometheus = Prometheus(0, include_default=include)
            with Session(metrics, prometheus, inherit=False):
                assert (("mine_total",) in ask(prometheus.port).samples()) is served
        prometheus = Prometheus(0, include_default=True)
        with Session(Metrics(REGISTRY), prometheus, inherit=False):
            assert ask(prometheus.port).body.count(b"\nmine_total 3.0\n") == 1
    finally:
        REGISTRY.unregister(mine)


def test_nothing_listens_before_and_after_the_session(metrics):
    """The port and the threads are there while the session is, and free at once for the next."""
    prometheus = Prometheus(0)
    assert own_threads() == []
    with Session(metrics, prometheus, inherit=False):
        port = prometheus.port
        assert listens(port)
    assert not listens(port)
    assert own_threads() == []
    again = Prometheus(port)
    for _ in range(20):
        with Session(metrics, again, inherit=False):
            assert listens(port)
    assert own_threads() == []


def test_an_async_session_closes_it_too(metrics, ask):
    """As a sync one."""
    prometheus = Prometheus(0)

    async def main():
        async with Session(metrics, prometheus, inherit=False):
            await invert_later(2)
            answer = await asyncio.to_thread(ask, prometheus.port)
            return prometheus.port, answer.samples()

    port, samples = asyncio.run(main())
    assert count(samples, "invert_later", "ok") == 1
    assert not listens(port)


def test_port_and_url_tell_where_it_listens(metrics, prometheus):
    """Port 0 becomes a real one while the endpoint is open."""
    assert (prometheus.port, prometheus.url) == (0, "http://127.0.0.1:0/metrics")
    with Session(metrics, prometheus, inherit=False):
        assert prometheus.port > 0
        assert prometheus.url == f"http://127.0.0.1:{prometheus.port}/metrics"
    assert prometheus.port == 0


@pytest.mark.parametrize("nested", [True, False], ids=["nested", "side by side"])
def test_one_instance_in_two_sessions_is_one_endpoint(metrics, prometheus, nested):
    """The second start changes nothing, and it closes with the last of them."""
    first = Session(metrics, prometheus, inherit=False)
    second = Session(prometheus) if nested else Session(metrics, prometheus, inherit=False)
    with first:
        port = prometheus.port
        with second:
            assert prometheus.port == port
            assert own_threads() == ["pegboard-prometheus"]
        assert listens(port)
    assert not listens(port)


def test_an_inner_session_that_inherits_it_does_not_close_it(session, scrape):
    """Its calls are served with the others."""
    with Session():
        invert(1)
    assert count(scrape().samples(), "invert", "ok") == 1


def test_a_plugin_attached_late_is_open_until_it_is_detached(metrics):
    """`register` and `unregister` open and close it in a session that is open."""
    prometheus = Prometheus(0)
    with Session(metrics, inherit=False) as session:
        session.register(prometheus)
        port = prometheus.port
        assert listens(port)
        session.unregister("prometheus")
        assert not listens(port)


def test_the_order_of_attachment_does_not_matter(metrics, prometheus, ask):
    """It finds the metrics of its session by name."""
    with Session(prometheus, metrics, inherit=False):
        invert(1)
        assert count(ask(prometheus.port).samples(), "invert", "ok") == 1


def test_without_metrics_it_says_what_to_attach(prometheus):
    """An endpoint with nothing to serve is an error, and nothing listens."""
    with pytest.raises(MissingPlugin, match=r"Session\(Metrics\(\), Prometheus\(\)\)") as caught:
        Session(prometheus, inherit=False).__enter__()
    assert caught.value.plugin == "metrics"
    assert own_threads() == []


def test_another_plugin_of_that_name_is_not_enough(prometheus):
    """Only the plugin of this project has the registry to serve."""

    class Other:
        name = "metrics"

    with pytest.raises(MissingPlugin, match=r"this session has none.*\n.*Attached: metrics"):
        Session(Other(), prometheus, inherit=False).__enter__()


def test_a_second_registry_is_refused(metrics, prometheus):
    """One endpoint cannot tell two registries with the same metrics apart; the first goes on."""
    with Session(metrics, prometheus, inherit=False):
        with pytest.raises(ConfigError, match="another registry"):
            Session(Metrics(CollectorRegistry()), prometheus, inherit=False).__enter__()
        assert listens(prometheus.port)
    assert own_threads() == []


def test_a_busy_port_is_an_error_that_names_it(metrics):
    """The session does not start, and what was listening goes on."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        session = Session(metrics, Prometheus(port), inherit=False)
        with pytest.raises(ConfigError, match=f"port {port} .*in use") as caught, session:
            pass
        assert (caught.value.where, caught.value.key) == ("Prometheus", "port")
        assert isinstance(caught.value.__cause__, OSError)
        assert not session.is_open


def test_two_endpoints_on_one_port_are_an_error(metrics, prometheus):
    """A second instance does not share the first one's port."""
    with (
        Session(metrics, prometheus, inherit=False),
        pytest.raises(ConfigError, match="another Prometheus"),
        Session(Prometheus(prometheus.port)),
    ):
        pass


def test_a_session_that_fails_to_start_leaves_nothing_open(metrics, prometheus):
    """The endpoint is closed again when a later plugin's start fails."""

    class Failing:
        name = "failing"

        @hookimpl
        def session_start(self):
            raise RuntimeError

    with pytest.raises(RuntimeError):
        Session(metrics, prometheus, Failing(), inherit=False).__enter__()
    assert own_threads() == []


def test_tasks_do_not_wait_for_a_scrape(metrics, prometheus, connect):
    """While a client is being answered, and takes its time, calls go on."""

    class Waiting:
        name = "waiting"

        def __init__(self):
            self.asked, self.release = threading.Event(), threading.Event()

        def collect(self):
            self.asked.set()
            self.release.wait(30)
            return []

    waiting = Waiting()
    metrics.registry.register(waiting)
    with Session(metrics, prometheus, inherit=False):
        client = connect(prometheus.port, b"GET /metrics HTTP/1.0\r\n\r\n")
        assert waiting.asked.wait(30)
        for _ in range(1_000):
            invert(1)
        assert metrics.stats(invert).calls == 1_000
        waiting.release.set()
        assert b"200 OK" in client.makefile("rb").readline()


def test_it_has_the_manners_of_a_plugin():
    """It starts and ends with its session, leaves no thread, and changes nothing for tasks."""

    class Both:
        """The exporter, with the metrics that it needs attached by itself."""

        name = "both"

        def __init__(self):
            self.metrics, self.prometheus = Metrics(CollectorRegistry()), Prometheus(0)

        @hookimpl
        def session_start(self, session):
            session.register(self.metrics)
            session.register(self.prometheus)

        @hookimpl
        def session_end(self, session):
            session.unregister(self.prometheus)
            session.unregister(self.metrics)

    check_plugin(Both)


def test_pegboard_finds_it():
    """The public name is that of this distribution."""
    assert pegboard.Prometheus is Prometheus


def test_importing_it_loads_no_prometheus_client_and_no_server():
    """Importing changes nothing, and loads no vendor library and no dashboards, which only come along."""
    code = "import sys, threading, pegboard_prometheus; print(threading.active_count(), *sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    threads, *loaded = done.stdout.split()
    assert threads == "1"
    assert not {"prometheus_client", "pegboard_dashboards"} & set(loaded)


def test_layers_and_it_do_not_meet(scrape):
    """An exporter binds nothing to tasks, so it costs a call nothing."""

    class Idle:
        name = "idle"

        @hookimpl
        def bind(self, session, task):
            async def run(call, proceed):
                return await proceed(call)

            return Layer("idle", Order.CACHE, run=run)

    with Session(Idle()) as session:
        assert "prometheus" not in str(session.explain(invert))
