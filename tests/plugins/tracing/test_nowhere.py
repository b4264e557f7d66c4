"""The word where spans go nowhere."""

from __future__ import annotations

import itertools
import logging
import os
import subprocess
import sys
import threading

import pytest
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from opentelemetry.trace import NoOpTracerProvider

from pegboard import Session, hookimpl, task
from pegboard.testing import isolated
from pegboard_tracing import Tracing, _nowhere, tracer


@task
def leaf(x=1):
    return x


@task
async def later():
    return 1


@task
def items():
    yield 1


@pytest.fixture(autouse=True)
def told(monkeypatch):
    """What was said; nothing was before the test."""
    monkeypatch.setattr(_nowhere, "_times_said", itertools.count().__next__)
    for name in ("OTEL_SDK_DISABLED", "OTEL_TRACES_EXPORTER"):
        monkeypatch.delenv(name, raising=False)
    records: list[logging.LogRecord] = []
    handler = logging.Handler()
    handler.emit = records.append
    logger = logging.getLogger("pegboard.tracing")
    logger.addHandler(handler)
    yield records
    logger.removeHandler(handler)


def provider_with(*processors, **options):
    provider = TracerProvider(shutdown_on_exit=False, **options)
    for processor in processors:
        provider.add_span_processor(processor)
    return provider


def run_program(text, **environment):
    """Run a program in a process of its own, in which the global provider is still to be set."""
    text = f"import logging, sys; logging.basicConfig(stream=sys.stdout, format='%(name)s')\n{text}"
    found = subprocess.run(
        [sys.executable, "-W", "error", "-c", text],
        env={**os.environ, **environment},
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert found.returncode == 0, found.stderr
    return found.stdout.split()


WAYS = {
    "call": leaf,
    "run": leaf.run,
    "map": lambda: leaf.map([1, 2]),
    "async": later.run,
    "stream": lambda: list(items()),
    "submit": lambda: leaf.submit().result(10),
    "tracer": lambda: tracer("mine").start_span("by hand").end(),
}


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_spans_that_go_nowhere_are_told_of_once(told, way):
    """Where neither an exporter nor a provider of the application takes them, whatever makes the first."""
    for _ in range(2):
        with Session(Tracing(), inherit=False):
            way()
    assert [record.name for record in told] == ["pegboard.tracing"]
    assert "OTLP(endpoint)" in told[0].getMessage()
    assert "set a provider" in told[0].getMessage()


def test_of_many_threads_one_tells(told):
    """Also when all of them are the first."""
    start = threading.Barrier(8)

    def call():
        start.wait(10)
        with Session(Tracing(), inherit=False):
            leaf()

    threads = [threading.Thread(target=call) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert len(told) == 1


@pytest.mark.parametrize("how", ["installed", "inner", "by name"])
def test_it_is_told_in_every_kind_of_session(told, how):
    """In one that serves the whole process, in one inside, and where the plugin is attached by its name."""
    with isolated():
        if how == "installed":
            with Session(Tracing()).install():
                thread = threading.Thread(target=leaf)
                thread.start()
                thread.join(10)
        elif how == "inner":
            with Session(Tracing()), Session():
                leaf()
        else:
            with Session("tracing"):
                leaf()
    assert len(told) == 1


@pytest.mark.parametrize("named", [True, False], ids=["named", "of exporters"])
def test_a_provider_without_processors_is_told_of(told, named):
    """Whose spans nobody sees either."""
    if named:
        plugins = [Tracing(provider_with())]
    else:

        class MetricsOnly:
            name = "metrics only"

            @hookimpl(optionalhook=True)
            def span_processors(self):
                return []

        plugins = [Tracing(), MetricsOnly()]
    with Session(*plugins, inherit=False):
        leaf()
    assert len(told) == 1


CHOSEN = {
    "processors": lambda: Tracing(provider_with(SpanProcessor())),
    "sampled out": lambda: Tracing(provider_with(SpanProcessor(), sampler=ALWAYS_OFF)),
    "no-op": lambda: Tracing(NoOpTracerProvider()),
    "processors of its own": lambda: Tracing(
        TracerProvider(active_span_processor=SpanProcessor(), shutdown_on_exit=False)
    ),
}


@pytest.mark.parametrize("make", CHOSEN.values(), ids=CHOSEN)
def test_nothing_is_said_of_what_somebody_chose(told, make):
    """Spans that go somewhere, and spans that somebody turned off."""
    with Session(make(), inherit=False):
        leaf()
    assert not told


@pytest.mark.parametrize("variable", ["OTEL_SDK_DISABLED=True ", "OTEL_TRACES_EXPORTER=none"])
def test_nothing_is_said_where_the_environment_turns_tracing_off(told, monkeypatch, variable):
    """With or without a provider."""
    monkeypatch.setenv(*variable.split("="))
    for plugin in (Tracing(), Tracing(provider_with())):
        with Session(plugin, inherit=False):
            leaf()
    assert not told


def test_nothing_is_said_without_a_call(told):
    """Neither of a session that nobody uses, nor where somebody asks what a call would do."""
    with Session(Tracing(), inherit=False) as session:
        session.explain(leaf)
    assert not told


def test_processors_that_come_before_the_first_call_are_in_time(told):
    """A session may be open long before its application has set up tracing."""
    provider = provider_with()
    with Session(Tracing(provider), inherit=False):
        provider.add_span_processor(SpanProcessor())
        leaf()
    assert not told


LATE = """
from opentelemetry import trace
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from pegboard import Session, task
from pegboard_tracing import Tracing
provider = TracerProvider(shutdown_on_exit=False)
provider.add_span_processor(SpanProcessor())
with Session(Tracing({named})):
    trace.set_tracer_provider(provider)
    task(lambda: 1)()
"""


@pytest.mark.parametrize("named", ["", "trace.get_tracer_provider()"], ids=["unnamed", "what stands for it"])
def test_a_provider_that_is_set_before_the_first_call_is_in_time(named):
    """Also where what stands for it until then was named."""
    assert run_program(LATE.format(named=named)) == []


def test_it_is_told_without_the_sdk():
    """With OpenTelemetry's API alone, as `pegboard[tracing]` brings it."""
    program = """
sys.modules["opentelemetry.sdk"] = None
from pegboard import Session, Tracing, task
with Session(Tracing()): task(lambda: 1)()
"""
    assert run_program(program) == ["pegboard.tracing"]
