"""What other users of the registry see."""

from __future__ import annotations

import time

from prometheus_client import Histogram
from prometheus_client.openmetrics.exposition import generate_latest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from pegboard import task
from pegboard_metrics.names import BUCKETS

HOSTILE = 'hostile "name"\\ <script>'


def test_openmetrics_can_be_parsed_by_the_strict_parser(session, registry):
    """Order, units, suffixes and bucket counts are those of the standard."""
    work = task(name=HOSTILE)(lambda x: 1 / x)
    work(1)
    work.run(0)
    families = {
        family.name: family for family in text_string_to_metric_families(generate_latest(registry).decode())
    }
    assert families["pegboard_task_duration_seconds"].unit == "seconds"
    assert {sample.labels["pegboard_task_name"] for sample in families["pegboard_task_active"].samples} == {
        HOSTILE
    }


def test_the_histogram_looks_like_prometheus_clients_own(session, registry):
    """Same samples, in the same order, with the same labels, as of a histogram that observed the same."""
    task(name="work")(lambda: 1)()
    family = next(family for family in registry.collect() if family.name == "pegboard_task_duration_seconds")
    ours = [sample for sample in family.samples if sample.labels["pegboard_call_status"] == "ok"]
    labels = {name: value for name, value in ours[0].labels.items() if name != "le"}
    theirs = Histogram("pegboard_task_duration_seconds", "", labels, buckets=BUCKETS, registry=None)
    seconds = next(sample.value for sample in ours if sample.name.endswith("_sum"))
    theirs.labels(**labels).observe(seconds)
    expected = [(s.name, s.labels, s.value) for s in next(iter(theirs.collect())).samples]
    found = [(s.name, s.labels, s.value) for s in ours]
    assert found[:-1] == expected[:-1]
    assert found[-1][:2] == expected[-1][:2]


def test_the_time_of_creation_is_kept_for_those_who_need_it(session, samples):
    """A translation to cumulative OTLP sums needs their start."""
    before = time.time()
    task(lambda: 1)()
    created = [value for _, value in samples("pegboard_task_duration_seconds_created")]
    assert created
    assert all(before <= at <= time.time() for at in created)
