"""An attempt is one run of the function: in hooks, results, notes, statistics, spans and lines alike."""

from __future__ import annotations

import asyncio
import json
import logging
from concurrent.futures import Future

import pytest

from pegboard import (
    Breaker,
    Cache,
    Deadline,
    Fallback,
    JSONLines,
    Layer,
    Logs,
    Metrics,
    NeedsSecrets,
    On,
    Order,
    Retry,
    Secrets,
    Session,
    Timeout,
    Tracing,
    Validate,
    hookimpl,
    task,
)
from pegboard.testing import FakeClock, Recorder

KINDS = ["function", "coroutine", "generator", "async_generator"]


class Failing:
    """A layer inside the retries that raises, before or after the function, as its list says: None lets it pass."""

    name = "failing"

    def __init__(self, *, before=(), after=()):
        self.before, self.after = list(before), list(after)

    def _raise(self, errors):
        error = errors.pop(0) if errors else None
        if error is not None:
            raise error

    @hookimpl
    def bind(self, session, task):
        async def run(call, proceed):
            self._raise(self.before)
            value = await proceed(call)
            self._raise(self.after)
            return value

        async def stream(call, proceed):
            self._raise(self.before)
            async for item in proceed(call):
                yield item
            self._raise(self.after)

        return Layer("failing", Order.INJECT, run=run, stream=stream)


def made(kind, errors, *options):
    """A task of a kind that raises the errors one after the other, and then has a value; and what it ran."""
    runs, errors = [], list(errors)

    def body():
        runs.append(1)
        error = errors.pop(0) if errors else None
        if error is not None:
            raise error
        return "done"

    def function():
        return body()

    async def coroutine():
        await asyncio.sleep(0)
        return body()

    def generator():
        yield body()

    async def async_generator():
        yield body()

    return task(*options, name=f"attempts: {kind}")(locals()[kind]), runs


def in_every_way(way, probe):
    """Call a task in one of the ways; returns its value or its error."""
    if way == "submit":
        future: Future = probe.submit()
        return future.exception(20) or future.result()
    if way == "acall":
        return asyncio.run(_outcome(probe))
    result = probe.run() if way == "run" else asyncio.run(probe.arun())
    return result.error or result.value


async def _outcome(probe):
    try:
        return await probe.acall()
    except Exception as error:  # noqa: BLE001 - it is what came of it
        return error


E1, E2 = OSError("one"), TypeError("two")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("way", ["run", "arun", "acall", "submit"])
@pytest.mark.parametrize(
    ("before", "inside", "after", "runs", "told"),
    [
        ([], [], [], 1, []),
        ([E1], [], [], 1, [(1, False)]),
        ([E2, E1], [], [], 1, [(1, False), (1, False)]),
        ([], [E2], [], 2, [(1, True)]),
        ([None, E1], [E1], [], 2, [(1, True), (2, False)]),
        ([], [], [E2], 2, [(1, True)]),
        ([E1] * 9, [], [], 0, [(1, False)] * 3),
        ([], [E2] * 9, [], 4, [(1, True), (2, True), (3, True)]),
    ],
    ids=[
        "none",
        "before",
        "before twice",
        "inside",
        "inside and before",
        "after",
        "never ran",
        "always inside",
    ],
)
def test_everybody_counts_the_runs(kind, way, before, inside, after, runs, told):
    """Whoever raises what, before, in or after the function, by whatever way it was called."""
    if kind.endswith("generator") and after:
        pytest.skip("a stream is not started again after its first item")
    probe, ran = made(kind, inside, Retry(3))
    recorder = Recorder()
    with Session(
        Metrics(), Failing(before=before, after=after), recorder, inherit=False, strict=True
    ) as session:
        found = in_every_way(way, probe)
        stats = session[Metrics].stats(probe)
    assert len(ran) == runs
    assert [event.details["attempt"] for event in recorder.of("before_attempt")] == list(range(1, runs + 1))
    assert len(recorder.of("after_attempt")) == runs
    assert [(event.details["attempt"], event.details["ran"]) for event in recorder.of("on_retry")] == told
    (outcome,) = [event.details["outcome"] for event in recorder.of("after_execute")]
    assert (outcome.attempts, stats.attempts, stats.retries) == (runs, runs, len(told))
    if isinstance(found, Exception):
        plural = "" if runs == 1 else "s"
        assert found.__notes__[-1].endswith(f"after {runs} attempt{plural}")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("observed", [False, True], ids=["nobody watches", "watched"])
@pytest.mark.parametrize("options", [(), (Retry(2),)], ids=["plain", "with a layer"])
def test_a_wrong_call_is_no_attempt(kind, observed, options):
    """Arguments that do not fit enter no function; a TypeError of the function's own is one."""
    probe, _ = made(kind, [TypeError("own")] * 3, *options)
    with Session(*([Recorder()] if observed else []), inherit=False):
        wrong, own = probe.run(1), probe.run()
    assert (type(wrong.error), wrong.attempts) == (TypeError, 0)
    assert (str(own.error), own.attempts) == ("own", 3 if options else 1)


@pytest.mark.parametrize("error", [RuntimeError("x"), TypeError("x")], ids=["RuntimeError", "TypeError"])
@pytest.mark.parametrize("observed", [False, True], ids=["nobody watches", "watched"])
def test_what_a_layer_raises_after_the_function_takes_no_attempt_back(error, observed):
    """Also where it is a TypeError, in whose traceback the function is not."""
    probe, ran = made("function", [])
    with Session(Failing(after=[error]), *([Recorder()] if observed else []), inherit=False):
        result = probe.run()
    assert (result.error, result.attempts, len(ran)) == (error, 1, 1)
    assert result.error.__notes__[-1].endswith("after 1 attempt")


def raises(*_):
    raise TypeError("of the user's own function")


@pytest.mark.parametrize(
    "retry",
    [Retry(3, wait=raises), Retry(3, on=raises), Retry(3, unless=raises)],
    ids=["wait", "on", "unless"],
)
def test_what_a_function_of_the_retry_raises_takes_none_back_either(retry):
    """Its error leaves, in place of the task's own, which is its context."""
    error = OSError("own")
    probe, ran = made("function", [error] * 5, retry)
    with Session(inherit=False):
        result = probe.run()
    assert (str(result.error), result.attempts, len(ran)) == ("of the user's own function", 1, 1)
    assert result.error.__context__ is error


@pytest.mark.parametrize(
    ("options", "plugins", "runs", "attempts"),
    [
        ((Breaker(1),), (), 1, 1),
        ((NeedsSecrets("PEGBOARD_NO_SUCH_SECRET"),), (Secrets(),), 0, 0),
        ((Validate(output=int),), (), 3, 3),
        ((Validate(inputs={"x": "integer"}),), (), 0, 0),
        ((Fallback(1),), (), 3, 3),
        ((Cache(),), (), 3, 3),
    ],
    ids=["breaker", "secrets", "output", "inputs", "fallback", "cache"],
)
def test_the_layers_of_every_plugin_keep_to_it(options, plugins, runs, attempts):
    """A layer inside the retries that refuses a call before its function uses up a retry, and no attempt."""
    ran = []

    @task(Retry(2), *options, name="attempts: layers")
    def probe(x, *, secrets=None):
        ran.append(1)
        raise ValueError

    with Session(*plugins, Metrics(), inherit=False) as session:
        result = probe.run("text")
        stats = session[Metrics].stats(probe)
    assert (len(ran), result.attempts, stats.attempts) == (runs, attempts, attempts)


def test_a_limit_that_has_passed_before_the_function_begins_is_no_attempt():
    """Nothing ran when a layer took all the time that there was."""

    class Slow:
        name = "slow"

        @hookimpl
        def bind(self, session, task):
            async def run(call, proceed):
                session.clock.advance(10)
                return await proceed(call)

            return Layer("slow", Order.INJECT, run=run)

    probe, ran = made("function", [], Timeout(5))
    recorder = Recorder()
    with Session(FakeClock(), Slow(), recorder, inherit=False):
        result = probe.run()
    assert (result.status, result.attempts, ran) == ("error", 0, [])
    assert recorder.of("before_attempt") == []


@pytest.mark.parametrize("kind", ["function", "coroutine"])
def test_elsewhere_as_here(kind):
    """A function in another process is counted at home, whoever raises what."""
    with Session(Metrics(), Failing(before=[OSError()]), Recorder(), inherit=False) as session:
        result = elsewhere[kind].run(0)
        assert (result.attempts, session[Metrics].stats(elsewhere[kind]).attempts) == (3, 3)
        assert elsewhere[kind].run().attempts == 0


def _divide(x):
    return 1 / x


async def _divide_later(x):
    return 1 / x


elsewhere = {
    "function": task(Retry(3), On("processes"), name="attempts: elsewhere")(_divide),
    "coroutine": task(Retry(3), On("processes"), name="attempts: elsewhere, async")(_divide_later),
}


def test_spans_and_lines_tell_of_attempts_and_of_tries(tmp_path, caplog):
    """A try has a line, and no span: those of the attempts keep their numbers."""
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    spans, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(spans))
    probe, _ = made("function", [OSError(), OSError()], Retry(5))
    path = tmp_path / "lines.jsonl"
    caplog.set_level(logging.DEBUG, "pegboard.task")
    failing = Failing(before=[ConnectionError(), None, ConnectionError()])
    with Session(
        Tracing(provider),
        Logs(lifecycle="DEBUG"),
        JSONLines(path, attempts=True),
        failing,
        inherit=False,
        strict=True,
    ):
        probe()
    names = [span.name for span in spans.get_finished_spans()]
    assert names == ["attempt 1", "attempt 2", "attempt 3", probe.name]
    assert all(
        span.start_time > 0 and span.end_time >= span.start_time for span in spans.get_finished_spans()
    )
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    retries = [(line["attempt"], line["ran"]) for line in lines if line["event"] == "retry"]
    assert retries == [(1, False), (1, True), (2, False), (2, True)]
    assert [line["attempt"] for line in lines if line["event"] == "attempt"] == [1, 2, 3]
    said = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert ["did not begin" in line for line in said] == [True, False, True, False]


def test_a_deadline_that_ends_in_a_wait_ends_it_with_the_attempts_so_far():
    """The wait is part of the call."""
    probe, _ = made("function", [OSError()] * 9, Retry(5, wait=10), Deadline(25))
    with Session(FakeClock(), inherit=False):
        result = probe.run()
    assert (type(result.error).__name__, result.attempts) == ("DeadlineExceeded", 3)
