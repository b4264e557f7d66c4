"""A secret goes through everything that records something, and is found nowhere."""

from __future__ import annotations

import asyncio
import io
import logging
import sqlite3
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from prometheus_client import CollectorRegistry
from prometheus_client.openmetrics.exposition import generate_latest

from pegboard import (
    Cache,
    Caching,
    Console,
    Dataset,
    Datasets,
    Fallback,
    Handle,
    JSONLines,
    Logs,
    Metered,
    Metrics,
    NeedsSecrets,
    Retry,
    Secrets,
    Session,
    Traced,
    Tracing,
    Undo,
    Validate,
    hookimpl,
    secret,
    task,
)
from pegboard.testing import FakeClock, Recorder
from pegboard_secrets import INJECTED

CANARY = 'canary-8f2/"é'
FRAGMENT = "canary-8f2"
KEY = "API_KEY"


class Faulty:
    """An observer that puts what it sees into the text of its own failure."""

    name = "faulty"

    @hookimpl
    def after_execute(self, call, outcome):
        raise ValueError(f"could not record {secret(KEY)}")


class Sinks:
    """Everything that a session can record into."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.spans = InMemorySpanExporter()
        self.registry = CollectorRegistry()
        self.terminal = io.StringIO()
        self.log = io.StringIO()
        self.recorder = Recorder()

    def plugins(self) -> list[object]:
        provider = TracerProvider(shutdown_on_exit=False)
        provider.add_span_processor(SimpleSpanProcessor(self.spans))
        return [
            FakeClock(),
            self.recorder,
            Tracing(tracer_provider=provider),
            Metrics(self.registry),
            Console(self.terminal, force=True),
            JSONLines(self.folder / "calls.jsonl", attempts=True, groups=True),
            Logs(),
            Caching(self.folder / "cache"),
            Datasets(self.folder / "data"),
            Secrets({KEY: CANARY}),
            Faulty(),
        ]

    def texts(self) -> dict[str, str]:
        """All that was recorded, by sink; of events what they show of themselves, not the objects they hold."""
        files = [path for path in sorted(self.folder.rglob("*")) if path.is_file()]
        return {
            "spans": "".join(span.to_json() for span in self.spans.get_finished_spans()),
            "metrics": generate_latest(self.registry).decode(),
            "terminal": self.terminal.getvalue(),
            "log": self.log.getvalue(),
            "events": "\n".join(
                f"{event} {event.subject!r} {event.subject.name}" for event in self.recorder.events
            ),
            "names of files": "\n".join(map(str, files)),
            "files": "\n".join(path.read_bytes().decode("latin-1") for path in files),
        }


@pytest.fixture
def sinks(tmp_path):
    sinks = Sinks(tmp_path)
    handler = logging.StreamHandler(sinks.log)
    root = logging.getLogger()
    root.addHandler(handler)
    yield sinks
    root.removeHandler(handler)


def found_in(texts: Mapping[str, str]) -> list[str]:
    """The sinks in which the secret is found, however it is written."""
    escaped = CANARY.encode("unicode_escape").decode()
    return [sink for sink, text in texts.items() if FRAGMENT in text or escaped in text]


def leak(x: int, *, secrets: Mapping[str, str] = INJECTED) -> str:
    """Does with its secret what it should not: passes it on, and puts it into its error."""
    called_with_secret(secrets[KEY])
    logging.getLogger("app").warning("using %s", secrets[KEY])
    raise LookupError(f"no access with {secrets[KEY]} and {secrets[KEY]!r}")


async def aleak(x: int, *, secrets: Mapping[str, str] = INJECTED) -> str:
    await asyncio.sleep(0)
    return leak(x, secrets=secrets)


@task(Traced(arguments=("key",)), name="use_{key}")
def called_with_secret(key: str) -> int:
    return len(key)


OPTIONS = {
    "alone": [],
    "retried": [Retry(1, wait=1)],
    "cached": [Cache(), Dataset("{x}.json"), Metered()],
    "validated": [Validate(output=int)],
    "recovery that fails": [
        Handle(LookupError, lambda error: 1 / len("") if str(error) else None),
        Fallback(lambda x: secret_error()),
        Undo(lambda x: secret_error()),
    ],
}


def secret_error() -> None:
    raise OSError(f"cannot send {secret(KEY)}")


@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
@pytest.mark.parametrize("options", OPTIONS)
def test_a_secret_in_the_text_of_an_error_is_recorded_nowhere(sinks, options: str, is_async: bool) -> None:
    """Every sink records the failure, and none the secret that is in it; the caller gets the error as it is."""
    probe = task(NeedsSecrets(KEY), *OPTIONS[options], name="leak")(aleak if is_async else leak)
    with Session(*sinks.plugins()):
        result = probe.run(1)
    texts = sinks.texts()
    assert result.status == "error"
    assert CANARY in str(result.error)
    assert FRAGMENT not in "".join(result.error.__notes__)
    assert found_in(texts) == []
    assert all(
        ("LookupError" if sink != "log" else "ValueError") in texts[sink]
        for sink in ("spans", "metrics", "log")
    )


def test_a_secret_that_is_returned_is_not_kept_on_disk(sinks) -> None:
    """A cache in files does not store a value that holds one; the caller gets the value."""

    @task(NeedsSecrets(KEY), Cache())
    def returns(x: int, *, secrets: Mapping[str, str] = INJECTED) -> dict[str, str]:
        return {"key": secrets[KEY]}

    with Session(*sinks.plugins()):
        assert returns(1) == {"key": CANARY}
        assert returns.run(1).source == "run"
    assert found_in(sinks.texts()) == []


def test_a_secret_in_a_key_is_not_kept_on_disk(sinks) -> None:
    """A key that a user's function makes of it is hashed before anything sees it."""

    @task(Cache(key=lambda inputs: f"user:{inputs['key']}"))
    def fetch(key: str) -> int:
        return 1

    with Session(*sinks.plugins()):
        fetch(secret(KEY))
        assert fetch.run(secret(KEY)).source == "cache"
    assert found_in(sinks.texts()) == []
    with sqlite3.connect(next((sinks.folder / "cache").rglob("*.sqlite*"))) as index:
        dumped = "\n".join(index.iterdump())
    index.close()
    assert FRAGMENT not in dumped


def test_the_command_line_shows_no_secret(tmp_path) -> None:
    """Neither the error's text nor its traceback."""
    (tmp_path / "jobs.py").write_text(
        "from pegboard import NeedsSecrets, task\n"
        "@task(NeedsSecrets('API_KEY'))\n"
        "def leak(*, secrets):\n"
        "    raise LookupError(secrets['API_KEY'])\n"
    )
    for flags in ([], ["--traceback"]):
        done = subprocess.run(
            [Path(sys.executable).with_name("pegboard"), "run", *flags, "jobs:leak"],
            cwd=tmp_path,
            env={"API_KEY": CANARY, "PATH": "/usr/bin:/bin"},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert done.returncode == 1
        assert "LookupError: ***" in done.stderr
        assert FRAGMENT not in done.stdout + done.stderr


def test_the_sinks_would_show_it(sinks) -> None:
    """Without the plugin that knows secrets, the same text is found: the search can fail."""

    @task
    def fails() -> None:
        raise LookupError(CANARY)

    with Session(*[each for each in sinks.plugins() if not isinstance(each, Secrets | Faulty)]):
        fails.run()
    assert found_in(sinks.texts()) == ["spans", "files"]
