"""Forked children of a process that has a session installed: each sends what it did itself, once, as a service instance of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="nothing forks there")

PROGRAM = """
import logging, multiprocessing, os, signal, sys, threading, time
from concurrent.futures import ProcessPoolExecutor
from prometheus_client import CollectorRegistry
from pegboard import Metrics, OTLP, Session, Tracing, install_sigterm, task
from pegboard_tracing import tracer

@task
def parents(): pass

def work(way):
    with kept.start_as_current_span(f"app {way}"):
        task(lambda: logging.getLogger("app").warning("%s", way), name=f"task {way}")()

def forked(way, end):
    child = os.fork()
    if child == 0:
        work(way)
        end()
    return child

def wait(child):
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

def uninstall():
    session.uninstall()
    os._exit(0)

def grandchild():
    wait(forked("grandchild", sys.exit))
    sys.exit()

def terminated():
    os.write(ready, b"x")
    time.sleep(30)

@task(name="task around")
def forks(function, *arguments):
    return function(*arguments)

def with_multiprocessing(way):
    process = multiprocessing.get_context("fork").Process(target=work, args=[way])
    process.start()
    process.join()
    return process.exitcode

def in_pool(ways):
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("fork")) as pool:
        list(pool.map(work, ways))

def in_thread(function, *arguments):
    thread = threading.Thread(target=function, args=arguments)
    thread.start()
    thread.join()

install_sigterm()
otlp = OTLP(sys.argv[1], logs=True)
session = Session(Tracing(), Metrics(CollectorRegistry()), otlp).install()
kept = tracer("app")
parents()
otlp.flush()      # opens the connections that a child must not share
parents()         # and this one waits in the parent's queue
codes = [
    wait(forked("exit", sys.exit)),
    wait(forked("uninstall", uninstall)),
    wait(forked("child", grandchild)),
    forks(with_multiprocessing, "multiprocessing"),
    with_multiprocessing("alone"),
]
in_pool(["pool 1", "pool 2"])
in_thread(with_multiprocessing, "thread")
reader, ready = os.pipe()
child = forked("terminated", terminated)
os.read(reader, 1)
os.kill(child, signal.SIGTERM)
codes.append(wait(child))
idle = multiprocessing.get_context("fork").Process(target=int)
idle.start()
idle.join()
parents()
child = os.fork()
if child == 0:
    work("returns")
else:
    codes.append(wait(child))
    print(codes)
"""
WAYS = [
    *(
        "alone",
        "child",
        "exit",
        "grandchild",
        "multiprocessing",
        "pool 1",
        "pool 2",
        "returns",
        "terminated",
        "thread",
    ),
    "uninstall",
]


def read(message, resources, scopes, items):
    """Yield the service instance and each item of a request."""
    for of_resource in getattr(message, resources):
        found = {pair.key: pair.value.string_value for pair in of_resource.resource.attributes}
        for of_scope in getattr(of_resource, scopes):
            for item in getattr(of_scope, items):
                yield found["service.instance.id"], item


@pytest.fixture(scope="module")
def told(shared_receiver):
    """What a collector was sent by a parent and all its children: spans, log records, and the last metrics, by instance."""
    receiver = shared_receiver
    done = subprocess.run(
        [sys.executable, "-W", "ignore:This process:DeprecationWarning", "-c", PROGRAM, receiver.url],
        env={name: value for name, value in os.environ.items() if not name.startswith("OTEL_")},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert (done.stdout, done.returncode) == ("[0, 0, 0, 0, 0, 143, 0]\n", 0), done.stderr
    spans = [
        e
        for m in receiver.of(ExportTraceServiceRequest)
        for e in read(m, "resource_spans", "scope_spans", "spans")
    ]
    logs = [
        e
        for m in receiver.of(ExportLogsServiceRequest)
        for e in read(m, "resource_logs", "scope_logs", "log_records")
    ]
    calls: dict[str, dict[str, int]] = {}
    for message in receiver.of(ExportMetricsServiceRequest):
        for instance, metric in read(message, "resource_metrics", "scope_metrics", "metrics"):
            if metric.name == "pegboard.task.duration":
                calls[instance] = {
                    next(
                        pair.value.string_value
                        for pair in point.attributes
                        if pair.key == "pegboard.task.name"
                    ): point.count
                    for point in metric.histogram.data_points
                    if point.count
                }
    return spans, logs, calls


def instances_of(found, name_of):
    return {name_of(item): instance for instance, item in found}


def test_every_span_arrives_once(told):
    """However the child ends, and whatever of the parent waited in its queue."""
    spans, _, _ = told
    names = Counter(span.name for _, span in spans)
    assert names == {
        "parents": 3,
        "task around": 1,
        **{f"task {way}": 1 for way in WAYS},
        **{f"app {way}": 1 for way in WAYS},
    }
    assert len({span.span_id for _, span in spans}) == len(spans)


def test_every_log_record_arrives_once(told):
    """Those of children over connections of their own."""
    _, logs, _ = told
    assert sorted(record.body.string_value for _, record in logs) == WAYS


def test_each_process_measures_itself(told):
    """From 0, and a child in which nothing was called sends nothing; the parent's numbers have none of a child's calls."""
    spans, _, calls = told
    parent = next(instance for instance, span in spans if span.name == "parents")
    assert calls.pop(parent) == {"parents": 3, "task around": 1}
    together: Counter[str] = Counter()
    for each in calls.values():
        together.update(each)
    assert together == {f"task {way}": 1 for way in WAYS}
    assert len(calls) == len(WAYS) - 1  # two ran in one process of a pool


def test_all_signals_of_a_process_are_of_one_service_instance(told):
    """Which no other process has: neither the parent nor another child."""
    spans, logs, calls = told
    of_spans = instances_of(spans, lambda span: span.name)
    of_logs = instances_of(logs, lambda record: record.body.string_value)
    of_metrics = {task: instance for instance, counts in calls.items() for task in counts}
    for way in WAYS:
        found = {of_spans[f"task {way}"], of_spans[f"app {way}"], of_logs[way], of_metrics[f"task {way}"]}
        assert len(found) == 1
        assert of_spans["parents"] not in found
    own = {of_spans[f"task {way}"] for way in WAYS}
    assert len(own) == len(WAYS) - 1


def test_spans_of_a_child_are_below_those_that_it_was_forked_in(told):
    """The trace goes on."""
    spans, _, _ = told
    by_name = {span.name: span for _, span in spans}
    assert by_name["app multiprocessing"].parent_span_id == by_name["task around"].span_id
    assert by_name["app alone"].parent_span_id == b""
