"""One span a call: its name, parent and attributes, for every kind of task."""

from __future__ import annotations

import asyncio
import functools
import gc
from contextvars import Context

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, Decision, Sampler, SamplingResult
from opentelemetry.trace import SpanKind

from pegboard import Secret, Session, current_call, task
from pegboard.testing import check_plugin
from pegboard_tracing import Traced, Tracing

KINDS = ["function", "coroutine", "generator", "async_generator"]


def current_id():
    return trace.get_current_span().get_span_context().span_id


def of_kind(kind, body, **settings):
    """A task of each kind with one body, which takes and returns a value."""

    async def coroutine(x):
        await asyncio.sleep(0)
        return body(x)

    def generator(x):
        yield body(x)

    async def async_generator(x):
        await asyncio.sleep(0)
        yield body(x)

    def function(x):
        return body(x)

    return task(**settings)(locals()[kind])


@task
def leaf(x):
    return x


@pytest.mark.parametrize("kind", KINDS)
def test_a_call_has_one_internal_span_with_the_static_name(session, kept, kind):
    """Each kind of task gives one INTERNAL span, named as the task is."""
    of_kind(kind, lambda x: x, name="load_{x}").run(7)
    assert [(span.name, span.kind) for span in kept.spans] == [("load_{x}", SpanKind.INTERNAL)]


@pytest.mark.parametrize("kind", KINDS)
def test_the_span_is_current_in_the_body_and_not_after(session, kept, kind):
    """User code runs inside the span, and the caller's context is as before."""
    seen = []
    before = trace.get_current_span()
    of_kind(kind, lambda x: seen.append(current_id()), name="body").run(1)
    assert seen == [kept.span("body").context.span_id]
    assert trace.get_current_span() is before


@pytest.mark.parametrize("kind", KINDS)
def test_nested_calls_are_children(session, kept, kind):
    """A task called by a task is a child in the same trace, whatever the outer one's kind."""
    of_kind(kind, leaf, name="outer").run(1)
    inner, outer = kept.span("leaf"), kept.span("outer")
    assert kept.parent(inner) == "outer"
    assert inner.context.trace_id == outer.context.trace_id
    assert kept.parent(outer) is None


@pytest.mark.parametrize("how", ["submit", "map", "acall", "gather"])
def test_children_in_threads_and_asyncio_tasks_keep_their_parent(session, kept, how):
    """Work handed to a thread or an asyncio task stays in its caller's trace."""

    @task
    async def awaits():
        if how == "gather":
            await asyncio.gather(leaf.acall(1), leaf.acall(2))
        else:
            await leaf.acall(1)

    @task
    def outer():
        if how == "submit":
            return leaf.submit(1).result()
        return leaf.map([1, 2]) if how == "map" else asyncio.run(awaits())

    outer()
    top = kept.span("outer")
    assert {span.context.trace_id for span in kept.spans} == {top.context.trace_id}
    parents = {kept.parent(span) for span in kept.spans if span.name == "leaf"}
    assert parents == {{"submit": "outer", "map": "map leaf"}.get(how, "awaits")}


def test_a_suspended_stream_is_no_parent(session, kept):
    """What the consumer calls between two items is not the stream's child; what the body calls is."""

    @task
    def stream():
        with trace.get_tracer("user").start_as_current_span("open across yields"):
            yield leaf(1)
            yield leaf(2)

    for _ in stream():
        assert not trace.get_current_span().get_span_context().is_valid
        leaf(3)
    assert [kept.parent(span) for span in kept.spans if span.name == "leaf"] == [
        "stream",
        None,
        "stream",
        None,
    ]


def test_a_span_that_a_stream_keeps_open_stays_the_parent_of_its_next_steps(session, kept):
    """A user's span, opened before a `yield` and closed after it, holds the calls between."""
    from pegboard_tracing import tracer

    @task
    def stream():
        with tracer("user").start_as_current_span("kept open"):
            yield 1
            leaf(2)
            yield 3

    assert list(stream()) == [1, 3]
    assert kept.parent(kept.span("leaf")) == "kept open"
    assert kept.parent(kept.span("kept open")) == "stream"


@pytest.mark.parametrize("kind", ["generator", "async_generator", "coroutine"])
def test_a_dropped_call_ends_its_span_once_and_quietly(kept, kind, caplog):
    """A stream or coroutine that the collector ends has one span, and OpenTelemetry logs nothing."""

    @task(name="dropped")
    async def waits(x):
        await asyncio.get_running_loop().create_future()

    async def drop():
        if kind == "coroutine":
            coroutine = waits(1)
            coroutine.send(None)
            coroutine.close()
            return
        stream = of_kind(kind, lambda x: x, name="dropped")(1)
        if kind == "generator":
            next(stream)
        else:
            await anext(stream)
        del stream
        gc.collect()
        await asyncio.sleep(0)

    with Session(Tracing(), kept, inherit=False, strict=True):
        asyncio.run(drop())
        gc.collect()
    assert kept.names == ["dropped"]
    assert kept.span("dropped").attributes["pegboard.call.status"] == "closed"
    assert [record for record in caplog.records if record.name.startswith("opentelemetry")] == []


def test_a_coroutine_collected_in_another_context_is_quiet(kept, caplog):
    """The span of a coroutine that ends where it did not begin ends too, and nothing is logged."""

    @task
    async def waits():
        await asyncio.Future(loop=loop)

    loop = asyncio.new_event_loop()
    with Session(Tracing(), kept, inherit=False):
        coroutine = waits()
        Context().run(coroutine.send, None)
        Context().run(coroutine.close)
    loop.close()
    assert kept.names == ["waits"]
    assert caplog.records == []


def test_attributes_of_a_plain_call(session, kept):
    """A call's span carries these attributes and no other: no inputs, no result."""
    call_id = []

    @task
    def plain(day):
        call_id.append(current_call().id)
        return "result"

    plain("canary")
    assert dict(kept.span("plain").attributes) == {
        "pegboard.task.name": "plain",
        "pegboard.session.id": session.id,
        "pegboard.call.id": call_id[0],
        "pegboard.call.status": "ok",
        "pegboard.call.source": "run",
        "code.function.name": f"{__name__}.test_attributes_of_a_plain_call.<locals>.plain",
    }


def test_every_call_carries_its_own_id(session, kept):
    """The id on a span is that of its call, also where spans are made in a row."""

    @task
    def numbered():
        return current_call().id

    ids = [numbered() for _ in range(3)]
    assert [span.attributes["pegboard.call.id"] for span in kept.spans] == ids


def test_samplers_see_the_task(kept):
    """`pegboard.task.name` is there when the span starts, so a sampler can decide by it."""
    seen = []

    class ByTask(Sampler):
        def should_sample(
            self, parent_context, trace_id, name, kind=None, attributes=None, links=None, trace_state=None
        ):
            seen.append((name, attributes["pegboard.task.name"]))
            return SamplingResult(Decision.DROP)

        def get_description(self):
            return "by task"

    with Session(Tracing(TracerProvider(sampler=ByTask(), shutdown_on_exit=False)), inherit=False):
        leaf(1)
    assert seen == [("leaf", "leaf")]


def test_executor_is_named_where_it_is_not_inline(session, kept):
    """A call on the thread pool says so."""
    leaf.submit(1).result()
    assert kept.span("leaf").attributes["pegboard.executor.name"] == "threads"


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("off", set()),
        ("name", {"code.function.name"}),
        ("all", {"code.function.name", "code.file.path", "code.line.number"}),
    ],
)
def test_code_attributes_are_as_asked(session, kept, code, expected):
    """`Traced(code=...)` decides how much is told of where a function is written."""

    @task(Traced(code=code))
    def written():
        return 1

    written()
    attributes = kept.span("written").attributes
    assert {key for key in attributes if key.startswith("code.")} == expected
    if code == "all":
        assert attributes["code.file.path"] == __file__
        assert attributes["code.line.number"] == written.__wrapped__.__code__.co_firstlineno


def test_a_partial_tells_the_function_inside(session, kept):
    """A callable without a name of its own is named by what it wraps."""
    partial = task(name="part")(functools.partial(pow, 2))
    partial(3)
    assert kept.span("part").attributes["code.function.name"] == "builtins.pow"


def test_only_named_arguments_are_recorded(session, kept):
    """`Traced(arguments=...)` records these parameters, defaults included, and no other."""

    @task(Traced(arguments=("day", "size")))
    def load(day, secret, size=3):
        return day

    load("monday", "canary")
    attributes = kept.span("load").attributes
    assert {key: value for key, value in attributes.items() if "argument" in key} == {
        "pegboard.argument.day": "monday",
        "pegboard.argument.size": 3,
    }
    assert "canary" not in str(dict(attributes))


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (Secret("canary"), "***"),
        ([Secret("canary")], "[Secret('***')]"),
        ("x" * 1_000_000, "x" * 255 + "…"),
        ("a\x1b[31m\nb", "a\\x1b[31m\\nb"),
        (2.5, 2.5),
        (True, True),
        (None, "None"),
    ],
    ids=["secret", "secret inside", "long", "control", "float", "bool", "none"],
)
def test_recorded_values_are_masked_cut_and_escaped(session, kept, value, shown):
    """A recorded value is at most 256 printable characters, and no Secret."""

    @task(Traced(arguments=("value",)))
    def take(value):
        return None

    take(value)
    assert kept.span("take").attributes["pegboard.argument.value"] == shown


def test_arguments_that_do_not_fit_still_give_a_span(session, kept):
    """A call with wrong arguments is traced like any other that fails."""

    @task(Traced(arguments=("day",)))
    def load(day):
        return day

    with pytest.raises(TypeError):
        load("monday", 2)
    assert kept.span("load").attributes["error.type"] == "TypeError"


def test_ids_are_in_the_slots_of_the_call_and_its_result(session, kept):
    """`call.trace_id`, `span_id` and `sampled` are those of the span, in hex; the result has the trace's."""

    @task
    def slots():
        call = current_call()
        return call.trace_id, call.span_id, call.sampled

    result = slots.run()
    context = kept.span("slots").context
    expected = (trace.format_trace_id(context.trace_id), trace.format_span_id(context.span_id), True)
    assert result.value == expected
    assert result.trace_id == expected[0]


def test_sampled_out_calls_build_nothing_and_keep_their_ids():
    """With the sampler off, no inputs are bound and no state is made, and logs still find a trace id."""
    seen = {}

    @task(Traced(arguments=("x",)))
    def dropped(x):
        call = current_call()
        seen.update(bound=call._inputs, state=call._state, sampled=call.sampled, trace=call.trace_id)

    with Session(
        Tracing(TracerProvider(sampler=ALWAYS_OFF, shutdown_on_exit=False)), inherit=False, strict=True
    ):
        dropped(1)
        dropped(2)
    assert (seen["bound"], seen["state"], seen["sampled"]) == (None, None, False)
    assert int(seen["trace"], 16) > 0


def test_sampled_out_parents_keep_their_children_out():
    """A child decides nothing against its parent, in a map either."""
    sampled = []

    @task
    def inner(x):
        sampled.append(current_call().sampled)

    @task
    def outer():
        inner(1)
        inner.map([2])

    with Session(Tracing(TracerProvider(sampler=ALWAYS_OFF, shutdown_on_exit=False)), inherit=False):
        outer()
    assert sampled == [False, False]


class Broken(SpanProcessor):
    """Fails at the start or the end of every span."""

    def __init__(self, at):
        self.at = at

    def on_start(self, span, parent_context=None):
        if self.at == "start":
            raise RuntimeError("broken processor")

    def on_end(self, span):
        if self.at == "end":
            raise RuntimeError("broken processor")


@pytest.mark.parametrize("at", ["start", "end"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_broken_span_processor_changes_nothing_for_the_task(kept, at, kind):
    """An error of the SDK stays out of the call: same value, nothing left current, counted once a call."""
    kept.extra.append(Broken(at))
    before = trace.get_current_span()
    with Session(Tracing(), kept, inherit=False) as session:
        result = of_kind(kind, lambda x: x + 1).run(1)
        assert trace.get_current_span() is before
    assert result.unwrap() in (2, [2])
    assert session.observer_errors == {("tracing", "scope.enter" if at == "start" else "scope.exit"): 1}


def test_a_span_that_the_user_ended_is_left_alone(session, kept, caplog):
    """Ending the call's span by hand is allowed, and nothing complains later."""

    @task
    def ends():
        trace.get_current_span().end()

    ends()
    assert kept.names == ["ends"]
    assert caplog.records == []


def test_without_provider_or_parent_nothing_is_set():
    """With the API alone a call runs as untraced: no ids, no span current."""
    seen = []

    @task
    def plain():
        seen.extend([current_call().trace_id, current_call().sampled, trace.get_current_span()])

    with Session(Tracing(), inherit=False, strict=True):
        plain()
    assert seen == [None, None, trace.INVALID_SPAN]


def test_tracing_has_the_manners_of_a_plugin():
    """Values, errors, events and context are the same with tracing and without."""
    check_plugin(Tracing)
    check_plugin(lambda: Tracing(TracerProvider(shutdown_on_exit=False)), Traced(arguments=("x",)))
