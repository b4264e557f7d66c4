"""Secrets of tasks whose functions run in other processes."""

from __future__ import annotations

import asyncio
import json
import threading

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from pegboard import BindError, JSONLines, On, Processes, Secrets, Session, Tracing, current_session, task
from pegboard_secrets import INJECTED, NeedsSecrets, secret

VALUE = "tok-of-the-session"
OTHER = "tok-of-the-environment"
NEEDS = NeedsSecrets("TOKEN")


class Own:
    """A provider that somebody wrote."""

    def __init__(self, value=VALUE):
        self.value = value

    def get(self, key):
        return self.value if key == "TOKEN" else None


class Stuck(Own):
    """One that cannot be pickled."""

    def __init__(self):
        super().__init__()
        self.guard = threading.Lock()


def dotenv(folder):
    """Return a provider of a file."""
    (folder / ".env").write_text(f"TOKEN={VALUE}\n")
    return f"dotenv:{folder / '.env'}"


def files(folder):
    """Return a provider of a folder."""
    (folder / "TOKEN").write_text(VALUE)
    return f"files:{folder}"


PROVIDERS = {
    "values": lambda folder: {"TOKEN": VALUE},
    "dotenv": dotenv,
    "files": files,
    "own": lambda folder: Own(),
    "the second": lambda folder: [{"OTHER": "x"}, Own()],
}


@pytest.fixture(scope="module")
def pool():
    """Return a worker for many tests."""
    with Processes(workers=1) as made:
        yield made


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    """Have another secret under that name in the environment."""
    monkeypatch.setenv("TOKEN", OTHER)


@task(NEEDS)
def signs(_=None, *, secrets=INJECTED):
    return secrets["TOKEN"], repr(secrets)


@task(NEEDS)
async def signs_async(_=None, *, secrets=INJECTED):
    return secrets["TOKEN"], repr(secrets)


@task(NEEDS)
def signs_each(_=None, *, secrets=INJECTED):
    yield secrets["TOKEN"], repr(secrets)


@task
def nested(_=None):
    return signs()[0], secret("TOKEN")


@task
async def nested_async(_=None):
    return (await signs_async())[0], secret("TOKEN")


SHOWN = "<secrets TOKEN>"


class TestTheSessionsOwn:
    @pytest.mark.parametrize("provider", PROVIDERS)
    @pytest.mark.parametrize("body", [nested, nested_async], ids=["function", "coroutine"])
    def test_calls_made_in_a_worker(self, pool, provider, body, tmp_path):
        """The providers of the session serve there, by NeedsSecrets and by `secret()`."""
        with Session(Secrets(PROVIDERS[provider](tmp_path)), executor=pool):
            assert body.submit().result() == (VALUE, VALUE)
            assert body.map([1]) == [(VALUE, VALUE)]

    @pytest.mark.parametrize("provider", [*PROVIDERS, "stuck"])
    def test_functions_that_are_sent(self, pool, provider, tmp_path):
        """What a placed task needs is asked for at home, whatever the provider is, and goes along."""
        made = Stuck() if provider == "stuck" else PROVIDERS[provider](tmp_path)
        with Session(Secrets(made), executor=pool):
            assert signs.with_options(On("processes"))() == (VALUE, SHOWN)
            assert signs.submit().result() == (VALUE, SHOWN)
            assert signs.map([1, 2]) == [(VALUE, SHOWN)] * 2
            assert asyncio.run(signs_async.amap([1])) == [(VALUE, SHOWN)]
            assert signs_each.map([1]) == [[(VALUE, SHOWN)]]

    def test_a_provider_that_cannot_be_sent(self, pool):
        """A call in a worker that needs it is refused, with the way out; none takes another secret of that name."""
        with Session(Secrets([{"OTHER": "x"}, Stuck()]), executor=pool):
            with pytest.raises(BindError, match="put NeedsSecrets on the task that is sent"):
                nested.submit().result()
            with pytest.raises(Exception, match="cannot be pickled") as caught:
                asks_only.submit().result()
            assert OTHER not in str(caught.value)

    def test_without_the_plugin(self, pool):
        """Where the session has no providers the environment is asked, there as here."""
        with Session(executor=pool):
            assert nested() == (OTHER, OTHER)


@task
def asks_only():
    return secret("TOKEN")


@task
def refused():
    raise PermissionError(f"refused: {secret('TOKEN')}")


@task
async def refused_async():
    raise PermissionError(f"refused: {secret('TOKEN')}")


@task
def refused_within(_=None):
    return refused()


@task(NEEDS)
def refused_itself(_=None, *, secrets=INJECTED):
    raise PermissionError(f"refused: {secrets['TOKEN']}")


@task
def returns_it(_=None):
    return secret("TOKEN")


@task
def masked_there(text):
    return current_session().masks.mask(text)


class TestMasked:
    """What a worker found out is masked in what is recorded at home."""

    @pytest.mark.parametrize(
        "body", [refused_within, refused_itself, refused], ids=["nested", "sent", "looked up"]
    )
    @pytest.mark.parametrize("way", ["call", "submit", "map", "amap"])
    def test_in_spans_and_lines(self, pool, body, way, tmp_path):
        """Texts of errors, however the call was made."""
        spans, lines = InMemorySpanExporter(), tmp_path / "lines.jsonl"
        provider = TracerProvider(shutdown_on_exit=False)
        provider.add_span_processor(SimpleSpanProcessor(spans))
        arguments = [] if body is refused else [[1, 2]]
        ways = {
            "call": lambda: body.with_options(On("processes")).run(),
            "submit": lambda: body.submit().exception(),
            "map": lambda: (
                body.map(*arguments, on_error="collect") if arguments else body.submit().exception()
            ),
            "amap": lambda: asyncio.run(body.amap(*arguments, on_error="collect")) if arguments else None,
        }
        with Session(Tracing(provider), JSONLines(lines), Secrets({"TOKEN": VALUE}), executor=pool):
            ways[way]()
        told = [span.to_json() for span in spans.get_finished_spans()]
        told += [json.dumps(json.loads(line)) for line in lines.read_text().splitlines()]
        if way != "amap" or arguments:
            assert any("refused: ***" in each for each in told)
        assert [each for each in told if VALUE in each] == []

    @pytest.mark.parametrize("watched", [True, False], ids=["watched", "quick"])
    def test_home_knows_what_a_worker_asked_for(self, pool, watched):
        """Also when nothing failed, so that later texts are masked."""
        with Session(*([Tracing()] if watched else []), Secrets({"TOKEN": VALUE}), executor=pool) as session:
            assert session.masks.mask(VALUE) == VALUE
            returns_it.map([1, 2])
            assert session.masks.mask(VALUE) == "***"

    def test_a_worker_knows_what_home_asked_for(self, pool):
        """So that what it writes itself is masked as well."""
        with Session(Secrets({"TOKEN": VALUE}), executor=pool):
            secret("TOKEN")
            assert masked_there.map([VALUE]) == ["***"]
            assert masked_there.submit(VALUE).result() == "***"
