"""The table of names is what a scrape shows."""

from __future__ import annotations

import pytest
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from pegboard import Layer, Order, Session, hookimpl, task
from pegboard.testing import FaultyPlugin
from pegboard_metrics import names

SUFFIXES = ("_bucket", "_count", "_sum")
MEASURED = (
    ("gauge", "pegboard_breaker_state"),
    ("histogram", "pegboard_schedule_lateness_seconds"),
    ("counter", "pegboard_schedule_missed"),
    ("counter", "pegboard_telemetry_dropped"),
)
METHODS = {"gauge": "set", "counter": "add", "histogram": "observe"}


class Busy:
    """Emits an event of every kind that the metrics listen to, and measures what other members do."""

    name = "busy"

    @hookimpl
    def bind(self, session, task):
        async def run(call, proceed):
            call.emit("on_cache_hit", "key")
            call.emit("on_retry", 1, ValueError(), 0.0)
            call.emit("on_wait", "slots", 0.5)
            for kind, family in MEASURED:
                instrument = next(each for each in names.INSTRUMENTS if each.family == family)
                bound = session.measure(kind, family, "Not this.", instrument.labels).labels(
                    **dict.fromkeys(instrument.labels, "x")
                )
                getattr(bound, METHODS[kind])(1)
            return await proceed(call)

        return Layer("busy", Order.CACHE, run=run)


@pytest.fixture
def families(metrics, registry):
    """Every family of a scrape after a run in which everything happened, by name."""

    @task
    def work(x):
        return 1 / x

    with Session(metrics, Busy(), FaultyPlugin()):
        work.submit(1).result()
        work.run(0)
        text = generate_latest(registry).decode()
    return {family.name: family for family in text_string_to_metric_families(text)}


@pytest.mark.parametrize("instrument", names.INSTRUMENTS, ids=lambda instrument: instrument.name)
def test_a_scrape_has_each_instrument_as_the_table_says(families, instrument):
    """Name, kind, labels and help text are those of the table."""
    family = families[instrument.family]
    samples = [sample for sample in family.samples if not sample.name.endswith("_created")]
    assert (family.type, family.documentation) == (instrument.kind, instrument.help)
    assert samples
    for sample in samples:
        assert set(sample.labels) - {"le"} == set(instrument.labels)
        if instrument.kind == "histogram":
            assert sample.name.removeprefix(instrument.name) in SUFFIXES
        else:
            assert sample.name == instrument.name


def test_a_scrape_has_nothing_that_is_not_in_the_table(families):
    """No metric leaves the process unnamed; prometheus-client adds the creation times of the text format."""
    assert {name for name in families if not name.endswith("_created")} == {
        instrument.family for instrument in names.INSTRUMENTS
    }


@pytest.mark.parametrize("instrument", names.INSTRUMENTS, ids=lambda instrument: instrument.name)
def test_names_carry_unit_and_kind(instrument):
    """A counter ends in `_total`, seconds are said, and the two names are translations of each other."""
    ending = ("_seconds" if instrument.unit == "s" else "") + (
        "_total" if instrument.kind == "counter" else ""
    )
    assert instrument.name == instrument.otel_name.replace(".", "_") + ending
    assert (instrument.kind == "counter") == (instrument.otel_kind == "Counter")
    assert (instrument.kind == "histogram") == (instrument.otel_kind == "Histogram")


def test_every_label_translates_to_its_attribute():
    """A label is its attribute's name with underscores."""
    used = {label for instrument in names.INSTRUMENTS for label in instrument.labels}
    assert used == set(names.ATTRIBUTES)
    assert [
        label for label, attribute in names.ATTRIBUTES.items() if attribute.replace(".", "_") != label
    ] == []


def test_the_buckets_are_those_of_the_table(families):
    """From a millisecond to an hour, and one without bound."""
    bounds = [
        sample.labels["le"]
        for sample in families["pegboard_task_duration_seconds"].samples
        if sample.name.endswith("_bucket") and sample.labels[names.STATUS] == "ok"
    ]
    assert bounds == [*map(str, names.BUCKETS), "+Inf"]
    assert len(names.BUCKETS) == 18
