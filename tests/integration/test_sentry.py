"""Failures of tasks as events in Sentry, made by its own client: grouped by task and class, and without what is private."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import sentry_sdk
from sentry_sdk.integrations.logging import LoggingIntegration
from sentry_sdk.transport import Transport

from pegboard import Logs, NeedsSecrets, Retry, Secret, Secrets, Session, task
from pegboard.privacy import KNOWN
from pegboard_logs import before_send

ARGUMENT, LOCAL, INJECTED = "argument-61f2c8", "local-b07d45", "injected-9c3ea1"
log = logging.getLogger("shop")


class Kept(Transport):
    """Keeps events as they would be sent: as JSON."""

    def __init__(self, options: Any = None) -> None:
        super().__init__(options)
        self.texts: list[str] = []

    def capture_envelope(self, envelope: Any) -> None:
        for item in envelope.items:
            if item.headers.get("type") == "event":
                self.texts.append(item.payload.get_bytes().decode())

    @property
    def events(self) -> list[dict[str, Any]]:
        return [json.loads(text) for text in self.texts]


Start = Callable[..., Kept]


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts Sentry's client; only what it does with logging, as the rest changes the whole process."""
    KNOWN.forget()
    sentry_sdk.get_isolation_scope().clear()  # breadcrumbs of other tests

    def begin(kept: Kept | None = None, **options: Any) -> Kept:
        kept = Kept() if kept is None else kept
        settings = {
            "include_local_variables": False,
            "before_send": before_send,
            "before_breadcrumb": before_send,
            **options,
        }
        sentry_sdk.init(
            "http://key@127.0.0.1:9/1", transport=kept, default_integrations=False,
            integrations=[LoggingIntegration()], **settings,
        )  # fmt: skip
        return kept

    yield begin
    sentry_sdk.get_client().close()
    sentry_sdk.get_global_scope().set_client(None)


@pytest.fixture
def kept(start: Start) -> Kept:
    """What the client sends with the settings of the how-to."""
    return start()


def fails(order: str) -> None:
    bill = LOCAL[:]
    raise LookupError(len(order) + len(bill))


async def fails_later(order: str) -> None:
    await asyncio.sleep(0)
    fails(order)


def fails_in_stream(order: str) -> Iterator[int]:
    yield 1
    fails(order)


async def fails_in_async_stream(order: str) -> Any:
    yield 1
    fails(order)


def fails_deep(order: str) -> None:
    bill = LOCAL[:]
    try:
        fails(order)
    except LookupError as error:
        raise ExceptionGroup("several", [ValueError(len(bill)), error]) from error


BODIES = [fails, fails_later, fails_in_stream, fails_in_async_stream, fails_deep]


def run(body: Callable[..., Any], *options: Any, **settings: Any) -> None:
    """Call it once, and once in a map."""
    probe = task(*options, name="probe", **settings)(body)
    probe.run(ARGUMENT)
    probe.map([ARGUMENT], on_error="collect")


@pytest.mark.parametrize("body", BODIES, ids=lambda body: body.__name__)
def test_arguments_and_variables_are_in_no_event(kept: Kept, body: Callable[..., Any]) -> None:
    """Nor in its breadcrumbs, extras or frames, for all kinds of tasks, retried ones and those of maps."""
    with Session(Logs(lifecycle=True), inherit=False):
        run(body, Retry(1))
        run(body)
    assert len(kept.events) == 4
    assert all(event["exception"]["values"] for event in kept.events)
    assert kept.events[-1]["breadcrumbs"]["values"]
    assert not any(canary in text for text in kept.texts for canary in (ARGUMENT, LOCAL))


def test_without_the_setting_they_would_be(start: Start) -> None:
    """The search can fail."""
    kept = start(include_local_variables=True)
    with Session(Logs(lifecycle=True), inherit=False):
        run(fails)
    assert all(ARGUMENT in text and LOCAL in text for text in kept.texts)


def test_they_are_in_no_event_of_a_worker_process(kept: Kept) -> None:
    """Whose errors come home with a note of where they were raised."""
    with Session(Logs(lifecycle=True), executor="processes", inherit=False):
        task(fails, name="probe").submit(ARGUMENT).exception(30)
        task(fails, name="probe").map([ARGUMENT], on_error="collect")
    assert len(kept.events) == 2
    assert all("raised in process" in text for text in kept.texts)
    assert not any(canary in text for text in kept.texts for canary in (ARGUMENT, LOCAL))


def says(order: str) -> None:
    log.warning("about to fail", extra={"about": 7})
    raise ValueError(f"no {order}")


async def says_later(order: str) -> None:
    says(order)


@pytest.mark.parametrize("body", [says, says_later], ids=["sync", "async"])
def test_the_text_of_a_sensitive_tasks_error_is_in_no_event(kept: Kept, body: Callable[..., Any]) -> None:
    """In that of its line, of what the application logs or captures itself, and of an error around it."""
    with Session(Logs(lifecycle=True), inherit=False):
        error = task(body, sensitive=True, name="probe").run(ARGUMENT).error
        log.error("as asyncio says it: %r", error, exc_info=error)
        sentry_sdk.capture_exception(error)
        sentry_sdk.capture_exception(ExceptionGroup("several", [KeyError(), error]))
    assert len(kept.events) == 4
    assert not any(ARGUMENT in text for text in kept.texts)
    values = [value["value"] for event in kept.events[1:] for value in event["exception"]["values"]]
    assert set(values) == {"(message and stack trace left out: a sensitive task)"}


def test_of_another_tasks_error_the_text_is_there(kept: Kept) -> None:
    """The search can fail."""
    with Session(Logs(lifecycle=True), inherit=False):
        task(says, name="probe").run(ARGUMENT)
    assert ARGUMENT in kept.texts[0]


def spills(*, secrets: Any) -> None:
    log.warning("with %s", secrets["KEY"], extra={"key": secrets["KEY"]})
    raise ValueError(f"refused: {secrets['KEY']}")


def test_a_known_secret_is_in_no_event(kept: Kept) -> None:
    """Wherever a task has put it: text, breadcrumb, extra; also when its session is over."""
    with Session(Secrets({"KEY": INJECTED}), Logs(lifecycle=True), inherit=False):
        error = task(NeedsSecrets("KEY"), name="probe")(spills).run().error
    sentry_sdk.capture_exception(error)
    assert INJECTED in str(error)
    assert len(kept.events) == 2
    assert not any(INJECTED in text for text in kept.texts)
    assert "exception" not in kept.events[0]
    assert kept.events[1]["exception"]["values"][-1]["value"].startswith("refused: ***")
    assert {crumb["data"].get("key") for crumb in kept.events[1]["breadcrumbs"]["values"]} == {None, "***"}


def test_a_secret_that_was_handed_over_is_in_no_event(kept: Kept) -> None:
    """As an argument, to a call or to one around it."""

    @task(name="inner")
    def inner(key: Secret[str]) -> None:
        raise ValueError(key.reveal())

    @task(name="outer")
    def outer() -> None:
        inner(Secret(ARGUMENT))

    with Session(Logs(lifecycle=True), inherit=False):
        inner.run(Secret(ARGUMENT))
        sentry_sdk.capture_exception(outer.run().error)
    assert len(kept.events) == 3
    assert not any(ARGUMENT in text for text in kept.texts)


@pytest.mark.parametrize("sensitive", [False, True], ids=["plain", "sensitive"])
def test_lines_about_calls_are_grouped_by_task_and_class(kept: Kept, sensitive: bool) -> None:
    """Whatever the numbers in them, and wherever in the task it was raised."""

    def other(order: str) -> None:
        raise (LookupError if order == "a" else KeyError)(order)

    one = task(other, name="one", sensitive=sensitive)
    two = task(other, name="two", sensitive=sensitive)
    with Session(Logs(lifecycle=True), inherit=False):
        for probe, order in ((one, "a"), (one, "a"), (one, "b"), (two, "a")):
            probe.run(order)
    groups = [tuple(event["fingerprint"]) for event in kept.events]
    assert groups == [
        ("pegboard.task", "one", "LookupError"),
        ("pegboard.task", "one", "LookupError"),
        ("pegboard.task", "one", "KeyError"),
        ("pegboard.task", "two", "LookupError"),
    ]
    templates = [event["logentry"]["message"] for event in kept.events]
    assert templates[0] == templates[1]
    assert len(set(templates)) == 3


def test_other_events_are_grouped_as_sentry_does(kept: Kept) -> None:
    """And keep all that they have."""
    log.error("no %s", ARGUMENT)
    assert "fingerprint" not in kept.events[0]
    assert kept.events[0]["logentry"]["params"] == [ARGUMENT]


def test_transactions_and_logs_are_as_private(start: Start) -> None:
    """With the same function."""
    everything = []

    class All(Kept):
        def capture_envelope(self, envelope: Any) -> None:
            everything.extend(item.payload.get_bytes().decode() for item in envelope.items)

    start(
        kept=All(), traces_sample_rate=1.0, enable_logs=True,
        before_send_transaction=before_send, before_send_log=before_send,
    )  # fmt: skip

    def spans(*, secrets: Any) -> None:
        with sentry_sdk.start_span(name=f"with {secrets['KEY']}"):
            log.error("with %s", secrets["KEY"])

    with (
        sentry_sdk.start_transaction(name="probe"),
        Session(Secrets({"KEY": INJECTED}), Logs(), inherit=False),
    ):
        task(NeedsSecrets("KEY"), name="probe")(spans)()
    sentry_sdk.flush()
    assert len(everything) == 3
    assert all("with ***" in text and INJECTED not in text for text in everything)


PROGRAM = """
import json, sentry_sdk
from sentry_sdk.transport import Transport
from pegboard import Logs, NeedsSecrets, Secrets, Session, task
from pegboard_logs import before_send

class Printed(Transport):
    def capture_envelope(self, envelope):
        for item in envelope.items:
            print(item.payload.get_bytes().decode())

sentry_sdk.init("http://key@127.0.0.1:9/1", transport=Printed(), include_local_variables=False, before_send=before_send)

@task({options})
def load(order, *, secrets=None):
    bill = "{local}"[:]
    raise ValueError(f"no {{order}} {{secrets and secrets['KEY']}}")

with Session(Logs({lifecycle}), Secrets({{"KEY": "{injected}"}})):
    load("{argument}")
"""


@pytest.mark.parametrize("options", ["sensitive=True", "NeedsSecrets('KEY')"])
def test_an_error_that_nobody_catches_is_as_private(options: str) -> None:
    """With all that Sentry's client does by default, which sees it when the session is over."""
    program = PROGRAM.format(
        options=options, lifecycle="", argument=ARGUMENT, local="loc" + LOCAL[3:], injected=INJECTED
    )
    private = [ARGUMENT] if "sensitive" in options else [INJECTED]
    done = subprocess.run(
        [sys.executable, "-"], input=program, env={**os.environ, "PYTHONSAFEPATH": "1"},
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    event = json.loads(done.stdout.splitlines()[0])
    frames = event["exception"]["values"][-1]["stacktrace"]["frames"]
    assert not any("vars" in frame for frame in frames)
    assert not any(each in event["exception"]["values"][-1]["value"] for each in private)
