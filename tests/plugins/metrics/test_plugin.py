"""The plugin: which registry it feeds, and its manners."""

from __future__ import annotations

import subprocess
import sys
import threading

import pytest
from prometheus_client import CollectorRegistry, Counter

import pegboard
from pegboard import Session, task
from pegboard.testing import FakeClock, Recorder, check_plugin
from pegboard_metrics import Metered, Metrics


@task
def double(x):
    return 2 * x


def test_it_has_the_manners_of_a_plugin():
    """Tasks of all kinds do the same with it as without, in one session after another."""
    check_plugin(Metrics)
    check_plugin(Metrics, Metered(name="checked_seconds"))


def test_pegboard_finds_it():
    """The public names are those of this distribution."""
    assert (pegboard.Metrics, pegboard.Metered) == (Metrics, Metered)


def test_an_option_brings_it():
    """A session that lacks the plugin attaches it for `Metered`."""
    with Session(inherit=False) as session:
        double.with_options(Metered())(1)
        assert isinstance(session.plugins["metrics"], Metrics)


def test_instances_without_a_registry_share_one():
    """A second session neither starts the counters again nor clashes with the first."""

    @task(name="shared between sessions")
    def work():
        return 1

    first, second = Metrics(), Metrics()
    for metrics in (first, second):
        with Session(metrics, inherit=False):
            work()
    assert first.registry is second.registry
    assert first.stats(work).calls == second.stats(work).calls == 2


def test_instances_share_a_registry_that_is_given(registry, calls):
    """Two plugins on one registry feed one set of metrics, at once or one after another."""
    with Session(Metrics(registry), inherit=False):
        double(1)
        with Session(Metrics(registry)):
            double(1)
        double(1)
    assert calls("double") == 3


def test_registries_are_apart(registry, calls):
    """What one registry's sessions do is not in another."""
    other = Metrics(CollectorRegistry())
    with Session(other, inherit=False):
        double(1)
    with Session(Metrics(registry), inherit=False):
        pass
    assert calls("double") == 0
    assert other.stats(double).calls == 1


def test_an_inner_session_inherits_it(session, calls):
    """Calls of an inner session count in the same metrics."""
    with Session():
        double(1)
    assert calls("double") == 1


def test_a_clash_of_names_shows_when_the_session_starts(registry):
    """Another metric of the same name is an error before any task runs, and the session does not open."""
    Counter("pegboard_task_retries", "Somebody else's.", registry=registry)
    session = Session(Metrics(registry))
    with pytest.raises(ValueError, match="pegboard_task_retries"), session:
        pass
    assert not session.is_open


@pytest.mark.parametrize("wrong", ["prometheus", 9464, object(), CollectorRegistry])
def test_a_registry_is_a_registry(wrong):
    """Anything else is refused where it is written."""
    with pytest.raises(TypeError, match="CollectorRegistry"):
        Metrics(wrong)


def test_threads_lose_no_call(session, calls, total):
    """Eight threads that call one task are counted exactly, and one active call is not taken for another."""

    def work():
        with session:
            for number in range(2_000):
                double(number)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert calls("double") == 16_000
    assert total("pegboard_task_active") == 0


def test_a_map_counts_every_item(session, calls):
    """Fanned-out calls are calls."""
    assert double.map(range(300)) == [2 * number for number in range(300)]
    assert calls("double") == 300


def test_a_name_with_placeholders_is_one_task(session, samples):
    """Metrics use the static name, so that a thousand rendered names are one series."""

    @task(name="load_{day}")
    def load(day):
        return day

    for day in range(3):
        load(day)
    counted = samples("pegboard_task_duration_seconds_count")
    assert {labels["pegboard_task_name"] for labels, _ in counted} == {"load_{day}"}
    assert sum(value for _, value in counted) == 3


def test_values_stay_private(metrics, registry):
    """No argument, result or error text is in a scrape."""
    from prometheus_client import generate_latest

    @task
    def leak(x):
        if x == "canary-error":
            raise ValueError(x)
        return x

    with Session(metrics, Recorder()):
        leak("canary-argument")
        leak.run("canary-error")
    assert b"canary" not in generate_latest(registry)


def test_a_name_that_is_no_text_breaks_no_scrape(session, registry):
    """A lone surrogate, which UTF-8 cannot hold, is escaped."""
    from prometheus_client import generate_latest

    class OddError(Exception):
        __qualname__ = "odd\udcff"

    @task
    def fail():
        raise OddError

    fail.run()
    assert rb"odd\\udcff" in generate_latest(registry)


def test_the_slot_for_sampling_is_read_only_where_somebody_may_fill_it(metrics):
    """A plugin that takes part in calls may trace; a clock does not."""
    from pegboard_metrics._plugin import _may_be_traced

    assert not _may_be_traced(Session(metrics), metrics)
    assert not _may_be_traced(Session(metrics, FakeClock()), metrics)
    assert _may_be_traced(Session(metrics, Recorder()), metrics)


def test_importing_it_loads_no_prometheus_client():
    """The vendor's library is imported when the plugin is attached, not when its names are."""
    code = "import sys, pegboard_metrics, pegboard_metrics.names; print('prometheus_client' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
