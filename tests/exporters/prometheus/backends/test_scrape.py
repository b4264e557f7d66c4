"""A real Prometheus scrapes real sessions: what it holds is what ran."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context

import pytest

from pegboard import Session, Suspended, hookimpl, task
from pegboard_metrics import names
from pegboard_prometheus import Prometheus

COUNT = f"{names.DURATION.name}_count"


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


def run_kinds(ok, failing):
    """Call tasks of all four kinds."""
    for number in range(ok):
        invert(number + 1)
        asyncio.run(invert_later(number + 1))
        list(inverts([number + 1]))
        asyncio.run(inverts_later.arun([number + 1]))
    for _ in range(failing):
        invert.run(0)
        asyncio.run(invert_later.arun(0))
        inverts.run([0])
        asyncio.run(inverts_later.arun([0]))


@pytest.mark.parametrize("executor", ["inline", "threads", "processes"])
def test_a_scrape_equals_executions(metrics, port, server, executor):
    """As many calls of each kind and status as ran, wherever they ran."""
    with Session(metrics, Prometheus(port), inherit=False, executor=executor):
        run_kinds(ok=7, failing=3)
        assert len(invert.map(range(1, 201))) == 200
        counted = server.after_next_scrape().query(
            f"sum by ({names.TASK}, {names.STATUS}, {names.ERROR_TYPE}) ({COUNT})"
        )
    kinds = {"invert": 207, "invert_later": 7, "inverts": 7, "inverts_later": 7}
    assert counted == {
        **{_key(kind, "ok"): number for kind, number in kinds.items()},
        **{_key(kind, "error", "ZeroDivisionError"): 3 for kind in kinds},
    }


def _key(name, status, error=""):
    labels = {names.TASK: name, names.STATUS: status} | ({names.ERROR_TYPE: error} if error else {})
    return tuple(sorted(labels.items()))


@pytest.mark.slow
def test_10000_tasks_are_501_label_sets(metrics, prometheus, start_prometheus, wait_until):
    """Those over the cap are one series, what it took up is counted, and no call is lost."""
    tasks = [task(lambda: None, name=f"task_{number}") for number in range(10_000)]
    with Session(metrics, prometheus, inherit=False):
        for each in tasks:
            each()
        server = start_prometheus(f"127.0.0.1:{prometheus.port}", interval="3s")
        wait_until(lambda: server.value(f"sum({COUNT})") == 10_000, "a scrape with all 10,000 calls")
        assert server.value(f"count({COUNT})") == 501
        assert server.value(f'sum({COUNT}{{{names.TASK}="{names.OTHER}"}})') == 9_500
        assert server.value(f'{names.DROPPED.name}{{{names.REASON}="label_sets"}}') == 9_500


ENDINGS = [asyncio.CancelledError, KeyboardInterrupt, SystemExit, GeneratorExit, Suspended, ValueError]


def test_nothing_is_active_when_all_calls_are_over(scraped):
    """However they ended: a value, an error, a cancellation, a close, a suspension."""

    @task
    def end(error):
        raise error

    @task
    async def wait():
        await asyncio.sleep(60)

    async def cancel():
        waiting = asyncio.ensure_future(wait())
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        stream = inverts_later([1, 2])
        await anext(stream)
        assert scraped.after_next_scrape().value(f"sum({names.ACTIVE.name})") == 1
        await stream.aclose()

    for ending in ENDINGS:
        with contextlib.suppress(BaseException):
            end(ending())
    stream = inverts([1, 2])
    next(stream)
    assert scraped.after_next_scrape().value(f"sum({names.ACTIVE.name})") == 1
    stream.close()
    run_kinds(ok=1, failing=1)
    asyncio.run(cancel())
    scraped.after_next_scrape()
    assert set(scraped.query(names.ACTIVE.name).values()) == {0}
    assert len(scraped.query(names.ACTIVE.name)) == 6
    assert scraped.value(f'sum({COUNT}{{{names.TASK}="end"}})') == len(ENDINGS)


def test_what_goes_on_is_active_and_ages(scraped, wait_until):
    """Stuck work shows while it is stuck."""
    release, begun = threading.Event(), threading.Event()

    @task
    def hang():
        begun.set()
        release.wait(60)

    with ThreadPoolExecutor(1) as pool:
        pool.submit(copy_context().run, hang)
        try:
            begun.wait(30)
            assert scraped.after_next_scrape().value(names.ACTIVE.name) == 1
            wait_until(lambda: (scraped.value(names.OLDEST_AGE.name) or 0) > 1, "an age of a second")
        finally:
            release.set()
    scraped.after_next_scrape()
    assert (scraped.value(names.ACTIVE.name), scraped.value(names.OLDEST_AGE.name)) == (0, 0)


def test_counters_go_on_over_sessions(metrics, port, server):
    """Two sessions in a row, the plugins attached twice: one series each, and no reset."""
    counted = invert.with_options(name="counted")
    prometheus = Prometheus(port)
    with Session(metrics, metrics, prometheus, prometheus, inherit=False):
        counted.map([1, 2])
        counted.run(0)
        first = server.after_next_scrape().query(COUNT)
    with Session(metrics, Prometheus(port), inherit=False):
        counted.map([1, 2])
        counted.run(0)
        second = server.after_next_scrape().query(COUNT)
        assert set(server.query(f'resets({COUNT}{{{names.TASK}="counted"}}[1m])').values()) == {0}
    assert second == {key: 2 * value for key, value in first.items()}


class Spanning:
    """Gives calls trace ids as tracing does; every other one is sampled."""

    name = "spanning"

    def __init__(self):
        self.sampled = set()
        self.calls = 0

    @hookimpl
    def before_execute(self, call):
        self.calls += 1
        call.trace_id, call.span_id = f"{self.calls:032x}", f"{self.calls:016x}"
        call.sampled = self.calls % 2 == 0
        if call.sampled:
            self.sampled.add(call.trace_id)


def test_exemplars_lead_to_sampled_traces(metrics, port, server, wait_until):
    """Prometheus returns only trace ids that were sampled, with their spans and values."""
    spanning = Spanning()
    with Session(metrics, spanning, Prometheus(port), inherit=False):

        def exemplars():
            invert(1)
            invert(2)
            now = time.time()
            found = server.api(
                "query_exemplars", query=f"{names.DURATION.name}_bucket", start=now - 60, end=now + 1
            )
            return [each for series in found for each in series["exemplars"]]

        found = wait_until(exemplars, "an exemplar")
    ids = {each["labels"]["trace_id"] for each in found}
    assert ids <= spanning.sampled
    assert all(int(each["labels"]["span_id"], 16) == int(each["labels"]["trace_id"], 16) for each in found)
    assert all(0 <= float(each["value"]) < 1 for each in found)


def test_promtool_has_no_complaint(metrics, prometheus, ask, promtool):
    """Names, units, help texts and types, of every metric, in the text format."""
    with Session(metrics, prometheus, inherit=False):
        run_kinds(ok=1, failing=1)
        text = ask(prometheus.port).body.decode()
    assert set(names.INSTRUMENTS) == {each for each in names.INSTRUMENTS if f"# TYPE {each.name} " in text}
    assert promtool("check", "metrics", text=text) == ""


@pytest.mark.slow
def test_prometheus_presents_the_token_over_tls(metrics, start_prometheus, certificate):
    """Both settings are those of any scrape configuration."""
    certfile, keyfile = certificate
    prometheus = Prometheus(0, "0.0.0.0", token="t0ken", certfile=certfile, keyfile=keyfile)
    job = {
        "scheme": "https",
        "authorization": {"credentials": "t0ken"},
        "tls_config": {"ca_file": str(certfile)},
    }
    with Session(metrics, prometheus, inherit=False):
        invert(1)
        server = start_prometheus(f"127.0.0.1:{prometheus.port}", job=job).after_next_scrape()
        assert server.value(f"sum({COUNT})") == 1
