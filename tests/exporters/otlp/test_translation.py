"""The registry and OTLP tell the same numbers, under the names that each of them has."""

from __future__ import annotations

import math
import sys
from bisect import bisect_left
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.sdk.resources import Resource
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info, Summary, generate_latest
from prometheus_client.core import GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from pegboard import Session, task
from pegboard_metrics import Metered, Metrics
from pegboard_metrics.names import ATTRIBUTES, INSTRUMENTS
from pegboard_otlp import OTLP
from pegboard_otlp._translation import translate

LABELS = {attribute: label for label, attribute in ATTRIBUTES.items()}
NAMES = {instrument.otel_name: instrument for instrument in INSTRUMENTS}


@task
def invert(x):
    return 1 / x


@task(Metered(buckets=(0.5, 1), name="load_duration_seconds"))
def load():
    return None


@pytest.fixture
def registry():
    return CollectorRegistry()


def data_of(metric):
    """What holds the points: a gauge, a sum or a histogram."""
    return getattr(metric, metric.WhichOneof("data"))


def points_of(metric):
    return list(data_of(metric).data_points)


def attributes(pairs):
    return {pair.key: pair.value.string_value for pair in pairs}


def value_of(point):
    return getattr(point, point.WhichOneof("value"))


def translated(registry):
    """The metrics by name, and the names of those that were refused."""
    refused = []
    data = translate(registry, Resource({}), lambda name, error: refused.append(name))
    scopes = data.resource_metrics[0].scope_metrics
    return {metric.name: metric for scope in scopes for metric in scope.metrics}, refused


def as_scraped(metrics):
    """What a scrape would show of metrics that came over OTLP: samples by name and labels."""
    samples = {}
    for metric in metrics.values():
        instrument = NAMES.get(metric.name)
        name = metric.name if instrument is None else instrument.name
        for point in getattr(metric, metric.WhichOneof("data")).data_points:
            labels = {LABELS.get(pair.key, pair.key): pair.value.string_value for pair in point.attributes}
            if hasattr(point, "bucket_counts"):
                _add_histogram(samples, name, labels, point)
            else:
                value = getattr(point, point.WhichOneof("value"))
                samples[name, frozenset(labels.items())] = float(value)
    return samples


def _add_histogram(samples, name, labels, point):
    below = 0
    for bound, count in zip([*point.explicit_bounds, math.inf], point.bucket_counts, strict=True):
        below += count
        samples[f"{name}_bucket", frozenset({**labels, "le": bound}.items())] = float(below)
    samples[f"{name}_count", frozenset(labels.items())] = float(point.count)
    samples[f"{name}_sum", frozenset(labels.items())] = point.sum


def scraped(registry):
    """The samples of a scrape, bounds as numbers, without empty labels and times of creation."""
    samples = {}
    for family in text_string_to_metric_families(generate_latest(registry).decode()):
        for sample in family.samples:
            labels = {name: value for name, value in sample.labels.items() if value}
            if "le" in labels:
                labels["le"] = float(labels["le"])
            if not sample.name.endswith("_created"):
                samples[sample.name, frozenset(labels.items())] = sample.value
    return samples


def test_a_scrape_and_otlp_agree(receiver, registry):
    """At one instant both have the same names, labels, bounds and values, those of users included."""
    hits = Counter("shop_hits", "Of the user.", ["page"], registry=registry)
    hits.labels("home").inc(3)
    Histogram("shop_size_bytes", "Of the user.", buckets=(1, 10), registry=registry).observe(7)
    Gauge("shop_open", "Of the user.", registry=registry).set(1)
    with Session(Metrics(registry), OTLP(receiver.url), inherit=False):
        for x in (1, 2, 3, 0, 0):
            invert.run(x)
        load()
    sent = as_scraped(receiver.pushes[-1])
    assert len(sent) > 60
    assert sent == scraped(registry)


def test_bucket_counts_are_differences(registry):
    """A scrape adds buckets up, OTLP does not; the last one has no bound."""
    sizes = Histogram("sizes", "Sizes.", buckets=(1, 2, 3), registry=registry)
    for size in (0.5, 1.5, 1.7, 9):
        sizes.observe(size)
    metrics, _ = translated(registry)
    (point,) = points_of(metrics["sizes"])
    assert (list(point.bucket_counts), list(point.explicit_bounds)) == ([1, 2, 0, 1], [1, 2, 3])
    assert (point.count, point.sum) == (4, 12.7)


@given(
    sizes=st.lists(st.floats(0, 100)),
    bounds=st.lists(st.floats(0.1, 99), min_size=1, max_size=8, unique=True).map(sorted),
)
def test_every_observation_is_in_its_bucket_once(sizes, bounds):
    """Whatever was observed: a bucket holds what is above its lower bound and not above its upper one."""
    registry = CollectorRegistry()
    histogram = Histogram("sizes", "Sizes.", buckets=bounds, registry=registry)
    for size in sizes:
        histogram.observe(size)
    metrics, _ = translated(registry)
    (point,) = points_of(metrics["sizes"])
    expected = [0] * (len(bounds) + 1)
    for size in sizes:
        expected[bisect_left(bounds, size)] += 1
    assert list(point.bucket_counts) == expected


def test_the_time_of_creation_is_the_start(registry):
    """`_created` becomes the start of the series, and no metric of its own."""
    Counter("orders", "Orders.", registry=registry).inc()
    metrics, _ = translated(registry)
    (point,) = points_of(metrics["orders_total"])
    assert 0 < point.start_time_unix_nano <= point.time_unix_nano
    assert list(metrics) == ["orders_total"]


@pytest.mark.parametrize("kind", ["counter", "histogram"])
def test_exemplars_are_kept(registry, kind):
    """With trace and span as ids, and other labels as attributes."""
    exemplar = {"trace_id": "ab" * 16, "span_id": "cd" * 8, "shard": "7"}
    if kind == "counter":
        Counter("orders", "Orders.", registry=registry).inc(2, exemplar)
    else:
        Histogram("orders", "Orders.", registry=registry).observe(2, exemplar)
    metrics, _ = translated(registry)
    (metric,) = metrics.values()
    (found,) = points_of(metric)[0].exemplars
    assert (found.trace_id, found.span_id) == (b"\xab" * 16, b"\xcd" * 8)
    assert (value_of(found), attributes(found.filtered_attributes)) == (2, {"shard": "7"})


@pytest.mark.parametrize("labels", [{"order": "12"}, {"trace_id": "f" * 40, "span_id": "none"}], ids=repr)
def test_an_exemplar_without_a_span_is_kept_as_it_is(registry, labels):
    """Users put other things there, and what is no id stays a label."""
    Counter("orders", "Orders.", registry=registry).inc(2, labels)
    metrics, _ = translated(registry)
    (found,) = points_of(metrics["orders_total"])[0].exemplars
    assert (found.trace_id, attributes(found.filtered_attributes)) == (b"", labels)


def test_kinds_and_units_are_those_of_the_table(registry):
    """Sums that only rise, those that do not, gauges, histograms, each with its unit."""
    with Session(Metrics(registry), inherit=False):
        invert(1)
    metrics, _ = translated(registry)
    for name, metric in metrics.items():
        instrument = NAMES[name]
        kind = type(data_of(metric)).__name__
        rises = getattr(data_of(metric), "is_monotonic", None)
        expected = {
            "Histogram": ("Histogram", None),
            "Counter": ("Sum", True),
            "UpDownCounter": ("Sum", False),
            "Gauge": ("Gauge", None),
        }
        assert (kind, rises) == expected[instrument.otel_kind]
        assert (metric.unit, metric.description) == (instrument.unit, instrument.help)
    assert {"pegboard.task.duration", "pegboard.task.active", "pegboard.abandoned.threads"} <= set(metrics)


def test_an_empty_label_is_absent(registry):
    """A call that did not fail has no `error.type`."""
    with Session(Metrics(registry), inherit=False):
        invert(1)
    metrics, _ = translated(registry)
    points = points_of(metrics["pegboard.task.duration"])
    assert {frozenset(attributes(point.attributes)) for point in points} == {
        frozenset(("pegboard.task.name", "pegboard.call.status", "pegboard.call.source"))
    }


def test_what_plugins_measure_has_its_own_name_and_the_unit_in_it(registry):
    """In our scope, with attributes of OpenTelemetry where labels are ours; a counter has no ending."""
    with Session(Metrics(registry), inherit=False) as session:
        session.measure("counter", "shop_orders", "Orders taken.", ["shop", "pegboard_task_name"]).labels(
            shop="a", pegboard_task_name="sell"
        ).add(2)
        for number, name in enumerate(
            ("shop_size_bytes", "shop_full_ratio", "shop_open_seconds", "shop_staff")
        ):
            session.measure("gauge", name, "Help.").set_function(lambda number=number: number)
        data = translate(registry, Resource({}), lambda name, error: None)
    (scope,) = data.resource_metrics[0].scope_metrics
    assert scope.scope.name == "pegboard"
    metrics = {metric.name: metric for metric in scope.metrics}
    orders = metrics["shop_orders"]
    (point,) = points_of(orders)
    assert (value_of(point), attributes(point.attributes)) == (2, {"shop": "a", "pegboard.task.name": "sell"})
    assert (orders.description, orders.unit, data_of(orders).is_monotonic) == ("Orders taken.", "", True)
    gauges = [
        metrics[name] for name in ("shop_size_bytes", "shop_full_ratio", "shop_open_seconds", "shop_staff")
    ]
    assert [each.unit for each in gauges] == ["By", "1", "s", ""]
    assert [value_of(points_of(each)[0]) for each in gauges] == [0, 1, 2, 3]


def test_a_metric_that_a_task_named_has_our_labels_and_unit(registry):
    """`Metered(name=...)` chooses the name alone."""
    with Session(Metrics(registry), inherit=False):
        load()
    metrics, _ = translated(registry)
    metric = metrics["load_duration_seconds"]
    assert metric.unit == "s"
    assert attributes(points_of(metric)[0].attributes)["pegboard.task.name"] == "load"
    assert list(points_of(metric)[0].explicit_bounds) == [0.5, 1.0]


def test_metrics_of_users_keep_their_names(registry):
    """Names and labels as in a scrape, no unit, and a scope that is not ours."""
    Counter("requests", "Requests.", ["error_type"], registry=registry).labels("E").inc()
    Info("build", "Build.", registry=registry).info({"version": "1"})
    Summary("wait", "Waits.", registry=registry).observe(2)
    data = translate(registry, Resource({}), lambda name, error: None)
    (scope,) = data.resource_metrics[0].scope_metrics
    assert scope.scope.name == "prometheus_client"
    metrics = {metric.name: metric for metric in scope.metrics}
    assert set(metrics) == {"requests_total", "build_info", "wait"}
    assert {metric.unit for metric in metrics.values()} == {""}
    assert attributes(points_of(metrics["requests_total"])[0].attributes) == {"error_type": "E"}
    (wait,) = points_of(metrics["wait"])
    assert (wait.count, wait.sum, list(wait.bucket_counts), list(wait.explicit_bounds)) == (1, 2.0, [1], [])


def test_metrics_without_samples_are_left_out(registry):
    """A label set that nobody used has no point, and a metric without points is no metric."""
    Counter("requests", "Requests.", ["page"], registry=registry)
    assert translated(registry) == ({}, [])


class Broken:
    """A collector that fails, after it yielded one family."""

    def describe(self):
        return []

    def collect(self):
        yield GaugeMetricFamily("before", "Yielded before it fails.", value=1)
        raise OSError("canary")


def test_a_collector_that_raises_costs_itself_alone(receiver, registry, metrics, caplog):
    """What it yielded before and what the others have arrives; it is named once, counted, and no flush is whole."""
    broken = Broken()
    metrics.registry.register(broken)
    otlp, url = OTLP(receiver.url), f"{receiver.url}/v1/metrics"
    with Session(metrics, otlp, inherit=False):
        invert(1)
        assert not otlp.flush(10)
    assert {"before", "pegboard.task.duration"} <= set(receiver.pushes[-1])
    assert [record.getMessage() for record in caplog.records] == [
        "otlp: the metrics of the collector Broken are left out, as reading them raises OSError",
        f"otlp: 2 metric points not delivered to {url}: reading the collector Broken raises OSError",
    ]
    metrics.registry.unregister(broken)
    assert metrics.dropped == [("metrics", "invalid", 2)]


class Exits(Broken):
    def collect(self):
        sys.exit("canary")


class Lists(Broken):
    def collect(self):
        return None


@pytest.mark.parametrize("kind", [Exits, Lists])
def test_a_collector_may_fail_in_any_way(registry, kind):
    """The others are read."""
    registry.register(kind())
    Gauge("open", "Open.", registry=registry).set(1)
    metrics, refused = translated(registry)
    assert (set(metrics), refused) == ({"open"}, [f"the collector {kind.__name__}"])


def histogram(**arguments):
    return HistogramMetricFamily("odd", "Odd.", **arguments)


def gauge(value, labels=None):
    family = GaugeMetricFamily("odd", "Odd.", labels=list(labels or {}))
    family.samples.append(Sample("odd", labels or {}, value))
    return family


ODD = {
    "buckets that fall": lambda: histogram(buckets=[("1", 5), ("+Inf", 3)], sum_value=1),
    "a count that is no number": lambda: histogram(buckets=[("+Inf", math.nan)], sum_value=1),
    "a bound that is none": lambda: histogram(buckets=[("1", 1), ("many", 1)], sum_value=1),
    "no value": lambda: gauge(None),
    "a text": lambda: gauge("many"),
    "a time before all time": lambda: gauge_at(-1),
    "a time beyond all time": lambda: gauge_at(1e12),
    "no labels": lambda: Mock(name="odd", samples=[Sample("odd", None, 1)]),
    "no name": lambda: Mock(name="", samples=[Sample("", {}, 1)]),
    "a name that is no text": lambda: Mock(name=7, samples=[Sample(7, {}, 1)]),
    "samples that are none": lambda: Mock(name="odd", samples=[("odd", {}, 1)]),
    "not a family": lambda: ("odd", 1),
    "nothing": lambda: None,
}


def gauge_at(seconds):
    family = GaugeMetricFamily("odd", "Odd.")
    family.samples.append(Sample("odd", {}, 1, seconds))
    return family


class Mock:
    """What looks like a family."""

    type, documentation = "gauge", "Odd."

    def __init__(self, name, samples):
        self.name, self.samples = name, samples


class Yields:
    """A collector of one family."""

    def __init__(self, family):
        self._family = family

    def describe(self):
        return []

    def collect(self):
        yield self._family


@pytest.mark.parametrize("odd", ODD)
def test_a_family_that_cannot_be_told_costs_itself_alone(registry, odd):
    """Whatever is wrong with it: it is refused by name, and the others are there."""
    registry.register(Yields(ODD[odd]()))
    Gauge("open", "Open.", registry=registry).set(1)
    metrics, refused = translated(registry)
    assert set(metrics) == {"open"}
    assert len(refused) == 1


@pytest.mark.parametrize(
    ("value", "told"),
    [(True, 1), (3, 3), ("1.5", 1.5), (2**70, float(2**70)), (math.inf, math.inf), (Decimal("0.5"), 0.5)],
    ids=repr,
)
def test_a_value_that_a_scrape_shows_is_told(registry, value, told):
    """Also one that is no number of OTLP's, as a bool."""
    registry.register(Yields(gauge(value)))
    metrics, refused = translated(registry)
    assert value_of(points_of(metrics["odd"])[0]) == told
    assert refused == []


def test_no_number_is_a_number(registry):
    """NaN is told as it is."""
    registry.register(Yields(gauge(math.nan)))
    metrics, _ = translated(registry)
    assert math.isnan(value_of(points_of(metrics["odd"])[0]))


def test_texts_of_metrics_are_escaped(registry):
    """Lone surrogates in names, help and labels, and labels that are no text."""
    family = gauge(1, {"file": "caf\udce9", "size": 7})
    family.documentation = "caf\udce9"
    registry.register(Yields(family))
    metrics, _ = translated(registry)
    assert metrics["odd"].description == "caf\\udce9"
    assert attributes(points_of(metrics["odd"])[0].attributes) == {"file": "caf\\udce9", "size": "7"}


def test_a_family_of_two_collectors_is_one_metric(registry):
    """With the points of both, as the protocol asks for."""
    for shard in "ab":
        registry.register(Yields(gauge(1, {"shard": shard})))
    data = translate(registry, Resource({}), lambda name, error: None)
    (metric,) = data.resource_metrics[0].scope_metrics[0].metrics
    assert [attributes(point.attributes) for point in points_of(metric)] == [{"shard": "a"}, {"shard": "b"}]


def test_the_target_of_a_registry_is_told():
    """As a scrape tells it."""
    metrics, _ = translated(CollectorRegistry(target_info={"env": "test"}))
    assert attributes(points_of(metrics["target_info"])[0].attributes) == {"env": "test"}


def test_the_counters_go_on_in_a_second_session(receiver, registry):
    """One registry for both: the sums never go down, which the receiver looks at."""
    for _ in range(2):
        with Session(Metrics(registry), OTLP(receiver.url), inherit=False):
            invert(1)
    counts = [push["pegboard.task.duration"].histogram.data_points[0].count for push in receiver.pushes]
    assert counts == [1, 2]
