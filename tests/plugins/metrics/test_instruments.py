"""What plugins measure with `session.measure`: in the registry, under the caps, and gone when it should be."""

from __future__ import annotations

import gc
import logging
import weakref

import pytest
from prometheus_client import CollectorRegistry, Gauge, generate_latest
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics
from prometheus_client.parser import text_string_to_metric_families

from pegboard import Session, task
from pegboard_metrics import Metered, Metrics, names

DROPPED = "pegboard_telemetry_dropped_total"


@pytest.fixture
def family(registry):
    """Returns a family of a scrape by its name, or None."""

    def family(name):
        text = generate_latest(registry).decode()
        return next((each for each in text_string_to_metric_families(text) if each.name == name), None)

    return family


def test_each_kind_is_in_the_registry(session, samples, family):
    """With name, help text, type and labels; a counter gets its ending."""
    session.measure("counter", "shop_orders", "Orders taken.", ["shop"]).labels(shop="a").add(2)
    session.measure("gauge", "shop_stock", "Things left.", ["shop"]).labels(shop="a").set(7)
    session.measure("histogram", "shop_order_bytes", "Sizes.", ["shop"]).labels(shop="a").observe(100)
    assert samples("shop_orders_total") == [({"shop": "a"}, 2)]
    assert samples("shop_stock") == [({"shop": "a"}, 7)]
    assert samples("shop_order_bytes_sum") == [({"shop": "a"}, 100)]
    found = [family(name) for name in ("shop_orders", "shop_stock", "shop_order_bytes")]
    assert [each.type for each in found] == ["counter", "gauge", "histogram"]
    assert [each.documentation for each in found] == ["Orders taken.", "Things left.", "Sizes."]


def test_an_instrument_without_labels_is_used_itself(session, total, samples):
    """Its counter is 0 from the start, so that a rate over it is defined; a gauge is there once it is set."""
    orders = session.measure("counter", "shop_orders", "Orders taken.")
    stock = session.measure("gauge", "shop_stock", "Things left.")
    sizes = session.measure("histogram", "shop_order_bytes", "Sizes.")
    assert samples("shop_orders_total") == [({}, 0)]
    assert samples("shop_stock") == []
    orders.add()
    orders.add(0.5)
    stock.set(3)
    stock.add(-1)
    sizes.observe(5)
    assert (total("shop_orders_total"), total("shop_stock"), total("shop_order_bytes_sum")) == (1.5, 2, 5)


def test_sessions_that_share_a_registry_share_its_instruments(registry, total):
    """At once, one after another, and inside each other."""

    def count(session):
        session.measure("counter", "shop_orders", "Orders taken.", ["shop"]).labels(shop="a").add()
        session.measure("gauge", "shop_stock", "Things left.").add(10)

    for _ in range(2):
        with Session(Metrics(registry), inherit=False) as outer:
            count(outer)
            with Session(Metrics(registry)) as inner, Session() as inheriting:
                count(inner)
                count(inheriting)
    assert (total("shop_orders_total"), total("shop_stock")) == (6, 60)


@pytest.mark.parametrize(
    ("name", "unit"),
    [("shop_open_seconds", "seconds"), ("shop_size_bytes", "bytes"), ("shop_full_ratio", "ratio")],
)
def test_the_unit_is_that_of_the_name(session, registry, name, unit):
    """It is told to those who ask for OpenMetrics."""
    session.measure("gauge", name, "Help.").set(1)
    assert f"# UNIT {name} {unit}\n" in generate_openmetrics(registry).decode()


@pytest.mark.parametrize(
    ("name", "bounds"),
    [
        ("shop_open_seconds", names.BUCKETS),
        ("shop_size_bytes", names.BUCKETS_OF_BYTES),
        ("shop_full_ratio", names.BUCKETS_OF_RATIOS),
    ],
)
def test_buckets_fit_the_unit(session, samples, name, bounds):
    """Where none are asked for."""
    session.measure("histogram", name, "Help.").observe(1)
    assert [float(labels["le"]) for labels, _ in samples(f"{name}_bucket")] == [*bounds, float("inf")]


def test_buckets_may_be_asked_for(session, samples):
    """Values are counted in those."""
    session.measure("histogram", "shop_people", "Groups.", buckets=(2, 5)).observe(3)
    assert [value for _, value in samples("shop_people_bucket")] == [0, 1, 1]


@pytest.mark.parametrize(
    ("kind", "name", "labels", "buckets", "says"),
    [
        ("gauge", "shop_orders", ["shop"], None, "is a counter"),
        ("counter", "shop_orders", ["town"], None, "'town'"),
        ("counter", "shop_orders", [], None, "the labels"),
        ("histogram", "shop_open_seconds", [], (1, 3), "the buckets"),
        ("histogram", "shop_load_seconds", [], None, "the labels"),
        ("counter", "pegboard_task_retries", [], None, "a metric of that name"),
        ("gauge", "pegboard_breaker_state", [], None, "the labels"),
        ("gauge", "shop_users", [], None, "a metric of that name"),
        ("counter", "shop_users", [], None, "a metric of that name"),
    ],
    ids=str,
)
def test_a_name_is_one_instruments(session, registry, total, kind, name, labels, buckets, says):
    """One of another kind, with other labels or buckets, or of somebody else, is refused, and nothing changes."""
    Gauge("shop_users", "The user's.", registry=registry).set(4)
    session.measure("counter", "shop_orders", "Orders taken.", ["shop"]).labels(shop="a").add()
    session.measure("histogram", "shop_open_seconds", "Open.", buckets=(1, 2)).observe(1)
    task(Metered(name="shop_load_seconds"))(lambda: 1)()
    with pytest.raises(ValueError, match=says):
        session.measure(kind, name, "Help.", labels, **({} if buckets is None else {"buckets": buckets}))
    assert (total("shop_users"), total("shop_orders_total"), total("shop_open_seconds_count")) == (4, 1, 1)


def test_labels_in_another_order_are_the_same(session, total):
    """They have names."""
    for labels in (["shop", "town"], ["town", "shop"]):
        session.measure("counter", "shop_orders", "Orders.", labels).labels(town="x", shop="a").add()
    assert total("shop_orders_total", shop="a", town="x") == 2


@pytest.mark.parametrize("values", [{}, {"town": "x"}, {"shop": "a", "town": "x"}])
def test_all_labels_are_bound_and_no_others(session, values):
    """What is missing or too much is named."""
    orders = session.measure("counter", "shop_orders", "Orders.", ["shop"])
    with pytest.raises(ValueError, match="has the labels shop"):
        orders.labels(**values)
    with pytest.raises(ValueError, match="has the labels shop"):
        orders.add()
    with pytest.raises(ValueError, match="bound already"):
        orders.labels(shop="a").labels(shop="b")


def test_a_counter_never_falls(session, total):
    """A negative amount is refused, or a rate over it would see a restart."""
    orders = session.measure("counter", "shop_orders", "Orders.")
    orders.add(2)
    with pytest.raises(ValueError, match="only goes up"):
        orders.add(-1)
    assert total("shop_orders_total") == 2


def test_label_sets_over_the_cap_are_other(session, samples, total, caplog):
    """As with every metric: 500 sets, and one for all that come later; what is over is counted, and said once."""
    orders = session.measure("counter", "shop_orders", "Orders.", ["shop"])
    with caplog.at_level(logging.WARNING, "pegboard"):
        for number in range(510):
            orders.labels(shop=f"shop{number}").add()
    assert len(samples("shop_orders_total")) == 501
    assert total("shop_orders_total", shop="_OTHER") == 10
    assert total(DROPPED, pegboard_reason="label_sets") == 10
    assert len(caplog.records) == 1


def test_any_number_of_breakers_is_at_most_501(session, samples):
    """Their names are users', like those of tasks."""
    states = session.measure("gauge", "pegboard_breaker_state", "", ["pegboard_breaker_name"])
    for number in range(510):
        states.labels(pegboard_breaker_name=f"breaker{number}").set(2)
    assert len(samples("pegboard_breaker_state")) == 501


def test_a_label_that_is_no_text_breaks_no_scrape(session, registry):
    """A lone surrogate, which UTF-8 cannot hold, is escaped."""
    orders = session.measure("counter", "shop_orders", "Orders.", ["shop"])
    for _ in range(2):
        orders.labels(shop="odd\udcff").add()
    assert rb'shop="odd\\udcff"} 2.0' in generate_latest(registry)


def test_names_of_the_table_have_what_the_table_says(session, family, total):
    """Whatever the help text is that a member gives."""
    session.measure(
        "counter", "pegboard_telemetry_dropped", "Other.", ["pegboard_signal", "pegboard_reason"]
    ).labels(pegboard_signal="traces", pegboard_reason="queue_full").add(3)
    assert family("pegboard_telemetry_dropped").documentation == names.DROPPED.help
    assert total(DROPPED, pegboard_signal="traces", pegboard_reason="queue_full") == 3
    assert total(DROPPED, pegboard_signal="metrics", pegboard_reason="label_sets") == 0


def test_a_function_is_asked_at_each_scrape(session, total):
    """With labels and without; setting a value does not end it."""
    level = [1]
    stock = session.measure("gauge", "shop_stock", "Things left.", ["shop"])
    stock.labels(shop="a").set_function(lambda: level[0])
    session.measure("gauge", "shop_staff", "People.").set_function(lambda: 10 * level[0])
    for level[0] in (2, 3):
        assert (total("shop_stock", shop="a"), total("shop_staff")) == (level[0], 10 * level[0])


def test_a_function_survives_a_change_of_plugins(session, samples):
    """The instrument made for the same arguments afterwards is the one that has it."""

    class Later:
        name = "later"

    session.measure("gauge", "shop_stock", "Things left.").set_function(lambda: 5)
    session.register(Later())
    session.measure("gauge", "shop_stock", "Things left.")
    gc.collect()
    assert samples("shop_stock") == [({}, 5)]


@pytest.mark.parametrize("inner", [False, True], ids=["own", "inherited"])
def test_a_function_ends_with_its_session(registry, samples, inner):
    """No value is left that nobody answers for, and nothing that it needs is kept alive."""

    class Stock:
        def level(self):
            return 5

    metrics, stock = Metrics(registry), Stock()
    gone = weakref.ref(stock)
    with Session(metrics, inherit=False):
        session = Session() if inner else Session(metrics, inherit=False)
        with session:
            session.measure("gauge", "shop_stock", "Things left.").set_function(stock.level)
            assert samples("shop_stock") == [({}, 5)]
        assert samples("shop_stock") == []
        assert b"shop_stock" not in generate_latest(registry)
        del stock, session
        gc.collect()
        assert gone() is None


def test_an_ended_session_keeps_no_function(metrics):
    """Also where somebody keeps the session."""

    class Stock:
        def level(self):
            return 5

    stock = Stock()
    gone = weakref.ref(stock)
    with Session(metrics, inherit=False) as session:
        session.measure("gauge", "shop_stock", "Things left.").set_function(stock.level)
    del stock
    assert gone() is None
    assert not session.is_open


def test_a_gauge_keeps_no_session(metrics):
    """A plugin may hold it for longer."""
    with Session(metrics, inherit=False) as session:
        stock = session.measure("gauge", "shop_stock", "Things left.")
    gone = weakref.ref(session)
    del session
    gc.collect()
    assert gone() is None
    stock.set(1)


def test_the_session_that_measured_last_answers(registry, total, samples):
    """When it ends, the one before does; when all have, the value that was set is there again."""
    with Session(Metrics(registry), inherit=False) as outer:
        gauge = outer.measure("gauge", "shop_stock", "Things left.")
        gauge.set(7)
        gauge.set_function(lambda: 1)
        with Session() as inner:
            inner.measure("gauge", "shop_stock", "Things left.").set_function(lambda: 2)
            assert total("shop_stock") == 2
        assert total("shop_stock") == 1
    assert samples("shop_stock") == [({}, 7)]


def test_a_function_that_fails_costs_no_scrape(session, samples, total, caplog):
    """Its series is left out where it does, and it is said once."""

    def fail():
        raise OSError("canary")

    stock = session.measure("gauge", "shop_stock", "Things left.", ["shop"])
    stock.labels(shop="a").set_function(fail)
    stock.labels(shop="b").set_function(lambda: 2)
    with caplog.at_level(logging.WARNING, "pegboard"):
        for _ in range(2):
            assert samples("shop_stock") == [({"shop": "b"}, 2)]
    (record,) = caplog.records
    assert (
        record.getMessage()
        == "a function of the gauge shop_stock failed with OSError; it is left out where it does"
    )


def test_registries_are_apart():
    """Each has the instruments of its own sessions."""
    first, second = CollectorRegistry(), CollectorRegistry()
    with Session(Metrics(first), inherit=False) as session:
        session.measure("counter", "shop_orders", "Orders.").add()
    with Session(Metrics(second), inherit=False):
        pass
    assert first.get_sample_value("shop_orders_total") == 1
    assert second.get_sample_value("shop_orders_total") is None


@pytest.mark.parametrize("result", ["hit", "miss"])
def test_who_looks_up_results_shows_that_none_was_looked_up(session, samples, result):
    """What counts lookups by itself may be asked for, so that its first one is a change and not a beginning."""
    labels = {"pegboard_task_name": "work", "pegboard_cache_result": result}
    lookups = session.measure("counter", "pegboard_cache_lookups", "Not this.", tuple(labels))
    lookups.labels(**labels)
    assert samples("pegboard_cache_lookups_total") == [(labels, 0)]
