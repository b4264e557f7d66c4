"""Resources beside plugins that change where and how often a function runs, and one that publishes."""

from __future__ import annotations

import time

from prometheus_client import CollectorRegistry, generate_latest

from pegboard import Session, task
from pegboard_cache import Cache
from pegboard_metrics import Metrics
from pegboard_resources import Resources
from pegboard_retry import Retry
from pegboard_timeout import Timeout


def burn(seconds):
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        pass


def test_all_attempts_of_a_call_are_counted():
    """A call that is tried three times has used what the three used."""

    @task(Retry(2, wait=0, on=OSError))
    def work():
        burn(0.01)
        raise OSError("no")

    with Session(Resources(interval=None), inherit=False, strict=True) as session:
        work.run()
        usage = session[Resources].usage(work)
    assert (usage.calls, usage.failures) == (1, 1)
    assert usage.cpu_max >= 0.03


def test_a_cached_value_takes_no_cpu_time():
    """A hit runs nothing."""

    @task(Cache())
    def work(x):
        burn(0.02)
        return x

    with Session(Resources(interval=None), inherit=False, strict=True) as session:
        work(1)
        first = session[Resources].usage(work).cpu_seconds
        work(1)
        usage = session[Resources].usage(work)
    assert usage.calls == 2
    assert usage.cpu_seconds == first


def test_the_cpu_time_of_a_function_with_a_limit_is_not_known():
    """It runs in a thread apart, and a guess would be wrong."""

    @task(Timeout(10))
    def work():
        burn(0.01)

    with Session(Resources(interval=None), inherit=False, strict=True) as session:
        work()
        usage = session[Resources].usage(work)
    assert (usage.calls, usage.cpu_calls, usage.cpu_seconds) == (1, 0, None)


def test_the_samples_are_scraped_with_the_metrics():
    """One registry has both."""
    registry = CollectorRegistry()
    with Session(Metrics(registry), Resources(interval=None), inherit=False, strict=True):
        text = generate_latest(registry).decode()
    assert "\npegboard_process_resident_memory_bytes " in text
    assert "pegboard_process" not in generate_latest(registry).decode()


def test_two_instances_share_a_registry():
    """Sessions with instances of their own do not clash, and the last that ends takes the gauges along."""
    registry = CollectorRegistry()

    def threads():
        return registry.get_sample_value("pegboard_process_threads")

    with Session(Metrics(registry), Resources(interval=None), inherit=False, strict=True):
        with Session(Metrics(registry), Resources(interval=None), inherit=False, strict=True):
            assert threads() >= 1
        assert threads() >= 1
    assert threads() is None


def test_cpu_time_is_that_since_the_scrape_before():
    """The four gauges of a scrape are of one sample, or the CPU time would be that since the gauge before."""
    registry = CollectorRegistry()
    with Session(Metrics(registry), Resources(interval=None), inherit=False, strict=True):
        generate_latest(registry)
        burn(0.2)
        text = generate_latest(registry).decode()
    (line,) = [line for line in text.splitlines() if line.startswith("pegboard_process_cpu_ratio ")]
    assert float(line.split()[1]) > 0.1
