"""Where the spans of a session go."""

from __future__ import annotations

import subprocess
import sys

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from pegboard import BindError, ConfigError, Session, hookimpl, task
from pegboard_tracing import Tracing, tracer


@task
def leaf(x=1):
    return x


class Watch(SpanProcessor):
    """Notes its own end."""

    def __init__(self):
        self.ended = 0

    def shutdown(self):
        self.ended += 1


def run_program(text):
    """Run a program in a process of its own: what is global can be set only once in one."""
    found = subprocess.run(
        [sys.executable, "-W", "error", "-c", text], capture_output=True, text=True, check=False
    )
    assert found.returncode == 0, found.stderr
    return found.stdout.split()


@pytest.mark.parametrize("first", ["tracing", "exporter", "late"])
def test_exporters_may_be_attached_in_any_order(kept, first):
    """An exporter gets the spans whether it is attached before tracing, after it, or to an open session."""
    plugins = {"tracing": [Tracing(), kept], "exporter": [kept, Tracing()], "late": [Tracing()]}[first]
    with Session(*plugins, inherit=False) as session:
        if first == "late":
            leaf()
            session.register(kept)
        leaf()
    assert kept.names == ["leaf"]


def test_a_sessions_provider_is_shut_down_with_it(kept):
    """The exporters' processors end once, at the end of the session, and a new session gets new ones."""
    watch = Watch()
    kept.extra.append(watch)
    plugin = Tracing()
    for turn in (1, 2):
        with Session(plugin, kept, inherit=False):
            leaf()
            assert watch.ended == turn - 1
        assert watch.ended == turn
    assert kept.names == ["leaf"] * 2


def test_one_exporter_is_asked_once_a_session(kept):
    """However often plans are remade, every span is exported once."""
    with Session(Tracing(), kept, inherit=False) as session:
        leaf()
        session.register(type("Idle", (), {"name": "idle"})())
        leaf()
    assert kept.names == ["leaf"] * 2


@pytest.mark.parametrize("nothing", [None, []])
def test_an_exporter_without_processors_changes_nothing(nothing):
    """An exporter that takes no spans leaves them to the application's provider."""

    class MetricsOnly:
        name = "metrics only"

        @hookimpl(optionalhook=True)
        def span_processors(self):
            return nothing

    with Session(Tracing(), MetricsOnly(), inherit=False) as session:
        leaf()
        assert session.plugins["tracing"].provider_of(session) is trace.get_tracer_provider()


def test_spans_carry_the_scope_of_pegboard(session, kept):
    """The instrumentation scope has a name, a version and the schema that the names follow."""
    leaf()
    scope = kept.span("leaf").instrumentation_scope
    assert (scope.name, scope.schema_url) == ("pegboard", "https://opentelemetry.io/schemas/1.44.0")
    assert scope.version


def test_the_service_is_named_by_the_environment(kept, monkeypatch):
    """`service.name` comes from OTEL_SERVICE_NAME, as everywhere."""
    monkeypatch.setenv("OTEL_SERVICE_NAME", "orders")
    with Session(Tracing(), kept, inherit=False):
        leaf()
    assert kept.span("leaf").resource.attributes["service.name"] == "orders"


def test_a_named_provider_gets_the_spans():
    """`Tracing(tracer_provider=...)` is used, and left running."""
    memory, watch = InMemorySpanExporter(), Watch()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(memory))
    provider.add_span_processor(watch)
    with Session(Tracing(tracer_provider=provider), inherit=False):
        leaf()
    assert [span.name for span in memory.get_finished_spans()] == ["leaf"]
    assert watch.ended == 0


def test_a_named_provider_and_an_exporter_are_refused_together(kept):
    """Two ways out would leave one of them without spans; what the exporter made is shut down."""
    watch = Watch()
    kept.extra.append(watch)
    with pytest.raises(ConfigError, match="tracer_provider"):
        Session(Tracing(TracerProvider(shutdown_on_exit=False)), kept, inherit=False).__enter__()
    assert watch.ended == 1


def test_an_exporter_attached_later_to_a_named_provider_is_refused_every_time(kept):
    """The task does not run, at its first call as at its second."""
    with Session(Tracing(TracerProvider(shutdown_on_exit=False)), inherit=False) as session:
        session.register(kept)
        for _ in range(2):
            with pytest.raises(BindError, match="tracer_provider"):
                leaf()


def test_a_provider_is_no_string():
    """A wrong argument is refused with the way to name a service."""
    with pytest.raises(TypeError, match="OTEL_SERVICE_NAME"):
        Tracing("orders")


@pytest.mark.parametrize("given", ["an exception", "something else"])
def test_a_broken_exporter_is_named(given):
    """An exporter that fails to make processors, or makes something else, stops the task with its name."""

    class Broken:
        name = "broken"

        @hookimpl(optionalhook=True)
        def span_processors(self):
            if given == "an exception":
                raise OSError("no socket")
            return [object()]

    with Session(Tracing(), Broken(), inherit=False), pytest.raises(BindError, match="'broken'"):
        leaf()


def test_an_inner_session_shares_the_tracing_around_it(session, kept):
    """Calls in an inner session are spans of the outer session's provider, below its calls."""

    @task
    def outer():
        with Session():
            return leaf()

    outer()
    assert kept.parent(kept.span("leaf")) == "outer"
    assert kept.span("leaf").attributes["pegboard.session.id"] != session.id


def test_an_exporter_of_an_inner_session_needs_a_tracing_there(session, kept):
    """An exporter that would get no spans is refused, with what to write; with a tracing of its own it works."""
    inner = type(kept)()
    inner.name = "inner"
    with Session(inner), pytest.raises(BindError, match="Tracing"):
        leaf()
    with Session(Tracing(), inner):
        leaf()
    assert inner.names == ["leaf"]


def test_a_tracer_of_the_session_goes_the_same_way(session, kept):
    """`tracer(name)` makes spans that are nested with the tasks' own."""

    @task
    def outer():
        with tracer("mine").start_as_current_span("by hand"):
            leaf()

    outer()
    assert kept.parent(kept.span("leaf")) == "by hand"
    assert kept.parent(kept.span("by hand")) == "outer"
    assert kept.span("by hand").instrumentation_scope.name == "mine"


def test_a_tracer_outside_any_tracing_is_the_applications():
    """Where nothing traces, `tracer(name)` is what OpenTelemetry itself gives."""
    assert isinstance(tracer("mine"), type(trace.get_tracer("mine")))


def test_importing_changes_nothing_and_loads_no_opentelemetry():
    """The package can be imported by anybody; OpenTelemetry comes with the first session that traces."""
    assert run_program(
        "import sys, pegboard_tracing\n"
        "print(any(name.startswith('opentelemetry') for name in sys.modules))\n"
        "from pegboard import Session\n"
        "with Session(pegboard_tracing.Tracing()): pass\n"
        "print('opentelemetry.trace' in sys.modules, 'opentelemetry.sdk.trace' in sys.modules)\n"
    ) == ["False", "True", "False"]


GLOBAL = """
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from pegboard import ConfigError, Session, task
from pegboard_tracing import Tracing

memory = InMemorySpanExporter()
provider = TracerProvider(shutdown_on_exit=False)
provider.add_span_processor(SimpleSpanProcessor(memory))

@task
def leaf(): return 1
"""


def test_a_global_provider_set_later_is_used():
    """A provider that the application sets after decoration, and even after the first call, gets the spans."""
    assert run_program(
        f"{GLOBAL}\n"
        "with Session(Tracing()):\n"
        "    leaf()\n"
        "    trace.set_tracer_provider(provider)\n"
        "    leaf()\n"
        "print(len(memory.get_finished_spans()))\n"
    ) == ["1"]


def test_no_global_provider_is_set_unasked():
    """A session with a provider of its own leaves the API's as it is."""
    assert run_program(
        f"{GLOBAL}\n"
        "from pegboard import hookimpl\n"
        "class Out:\n"
        "    name = 'out'\n"
        "    @hookimpl(optionalhook=True)\n"
        "    def span_processors(self): return [SimpleSpanProcessor(memory)]\n"
        "with Session(Tracing(), Out()): leaf()\n"
        "print(type(trace.get_tracer_provider()).__name__, len(memory.get_finished_spans()))\n"
    ) == ["ProxyTracerProvider", "1"]


def test_install_makes_the_sessions_provider_global():
    """`Tracing(install=True)` has the user's own spans go the same way; a second one is refused."""
    assert run_program(
        f"{GLOBAL}\n"
        "with Session(Tracing(provider, install=True)):\n"
        "    with trace.get_tracer('user').start_as_current_span('mine'): leaf()\n"
        "print(len(memory.get_finished_spans()), trace.get_tracer_provider() is provider)\n"
        "try:\n"
        "    Session(Tracing(install=True)).__enter__()\n"
        "except ConfigError: print('refused')\n"
    ) == ["2", "True", "refused"]


def test_install_without_a_provider_makes_one():
    """An application without a provider may have the session's; exporters attached later get its spans."""
    assert run_program(
        f"{GLOBAL}\n"
        "from pegboard import hookimpl\n"
        "class Out:\n"
        "    name = 'out'\n"
        "    @hookimpl(optionalhook=True)\n"
        "    def span_processors(self): return [SimpleSpanProcessor(memory)]\n"
        "with Session(Tracing(install=True)) as session:\n"
        "    session.register(Out())\n"
        "    leaf()\n"
        "    trace.get_tracer('user').start_span('mine').end()\n"
        "print(len(memory.get_finished_spans()))\n"
    ) == ["2"]


OUT = """
from pegboard import hookimpl
class Out:
    name = 'out'
    def __init__(self): self.memory = InMemorySpanExporter()
    @hookimpl(optionalhook=True)
    def span_processors(self): return [SimpleSpanProcessor(self.memory)]
    def names(self): return ' '.join(span.name for span in self.memory.get_finished_spans())
"""


def test_a_session_takes_over_what_an_ended_one_has_installed():
    """As in the tests of an application, and a notebook's cell; a tracer that the application has goes on with it."""
    assert run_program(
        f"{GLOBAL}\n{OUT}\n"
        "tracer = trace.get_tracer('user')\n"
        "for _ in range(2):\n"
        "    with Session(Tracing(install=True), out := Out()):\n"
        "        with tracer.start_as_current_span('mine'): leaf()\n"
        "    print(out.names())\n"
        "    tracer.start_span('between').end()\n"
    ) == ["leaf", "mine", "leaf", "mine"]


@pytest.mark.parametrize("first", ["Tracing(install=True)", "Tracing(provider, install=True)"])
def test_a_session_that_goes_on_keeps_what_it_has_installed(first):
    """So does an application that has made its provider itself."""
    assert run_program(
        f"{GLOBAL}\n"
        f"with Session({first}):\n"
        "    try: Session(Tracing(install=True), inherit=False).__enter__()\n"
        "    except ConfigError: print('refused')\n"
    ) == ["refused"]


def test_a_provider_of_the_application_is_installed_again():
    """It is the same, so nothing is replaced."""
    assert run_program(
        f"{GLOBAL}\n"
        "for _ in range(2):\n"
        "    with Session(Tracing(provider, install=True)): leaf()\n"
        "print(len(memory.get_finished_spans()))\n"
    ) == ["2"]


def test_a_missing_sdk_is_said_with_the_command():
    """An exporter without the SDK stops the task, with what to install."""
    assert run_program(
        "import sys\n"
        "sys.modules['opentelemetry.sdk.trace'] = None\n"
        "from pegboard import BindError, Session, hookimpl, task\n"
        "from pegboard_tracing import Tracing\n"
        "class Processor:\n"
        "    def on_start(self, span, parent_context=None): ...\n"
        "    on_end = on_start\n"
        "    def shutdown(self): print('ended')\n"
        "class Out:\n"
        "    name = 'out'\n"
        "    @hookimpl(optionalhook=True)\n"
        "    def span_processors(self): return [Processor()]\n"
        "with Session(Tracing(), Out()):\n"
        "    try: task(lambda: 1)()\n"
        "    except BindError as error: print('pegboard[tracing-sdk]' in str(error))\n"
    ) == ["ended", "True"]
