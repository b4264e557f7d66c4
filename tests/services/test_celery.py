"""Celery's pools on Redis: whatever a task of Celery calls is served by the session of the worker."""

from __future__ import annotations

import signal
import sys
from collections import Counter

import attrs
import pytest

pytestmark = pytest.mark.slow

PAGE = "celery.md"
SEND_MANY = """
from shop import bill, mail

asked = [each.delay("ann") for each in (bill, mail) for _ in range(5)]
print([each.get(timeout=20) for each in asked])
"""
MANY = Counter({"invoice": 5, "mail": 5})


def command(project, pool):
    """The command of the page, for another pool."""
    return [pool if word == "prefork" else word for word in project.command("celery -A shop worker")]


@pytest.fixture(scope="module")
def work(write_project, start, open_sink, until, redis_server):
    """Start a worker with the page's project, have it work, and end it."""
    used = []

    def work(pool, *more, change=None, send=SEND_MANY, end=signal.SIGTERM):
        used.append(pool)
        environment = {"REDIS": f"{redis_server}/{len(used)}"}
        project, sink = write_project(PAGE, change), open_sink()
        (project.folder / "send_many.py").write_text(send)
        words = [*command(project, pool), "--loglevel", "INFO", "--without-mingle", "--without-gossip", *more]
        worker = start(project, words, sink, answers=False, environment=environment)
        sender = start(
            project,
            [sys.executable, "send_many.py"],
            open_sink(),
            answers=False,
            environment=environment,
            log="sent",
        )
        assert sender.end(None) == 0, sender.log + worker.log
        status = worker.end(end)
        return Seen(status, project.ends(), sink, worker)

    return work


@attrs.frozen
class Seen:
    status: int
    ends: Counter[tuple[str, str]]
    sink: object
    worker: object


@pytest.fixture(scope="module", params=["prefork", "threads", "solo"])
def seen(request, work):
    """What is known of a worker that had ten tasks, five of each kind, and was told to end."""
    return work(request.param)


def test_nothing_is_lost_at_the_end(seen):
    """Each call has a line and a span, in whatever process or thread it ran."""
    assert seen.ends == {("invoice", "ok"): 5, ("mail", "ok"): 5}
    assert seen.sink.tasks() == seen.sink.calls() == MANY


def test_every_call_has_a_span_below_that_of_its_task_of_celery(seen):
    """Which the instrumentation makes; it leaves the same way."""
    assert seen.sink.parents("invoice") == {"run/shop.bill"}
    assert seen.sink.parents("mail") == {"run/shop.mail"}


def test_the_worker_ends_in_its_own_way(seen):
    """As after a warm shutdown, and nothing is said."""
    assert seen.status == 0
    assert seen.worker.complaints() == []


def test_ctrl_c_loses_nothing(work):
    """As SIGTERM, though Celery's own status is another then."""
    seen = work("prefork", end=signal.SIGINT)
    assert seen.worker.complaints() == []
    assert seen.ends == {("invoice", "ok"): 5, ("mail", "ok"): 5}
    assert seen.sink.tasks() == seen.sink.calls() == MANY


def test_a_process_that_is_replaced_loses_nothing(work):
    """It ends its session, and the one that takes its place begins its own."""
    seen = work("prefork", "--max-tasks-per-child", "2")
    assert seen.ends == {("invoice", "ok"): 5, ("mail", "ok"): 5}
    assert seen.sink.tasks() == seen.sink.calls() == MANY
    assert len({span.instance for span in seen.sink.spans}) > 2


def test_the_processes_may_install_it_themselves(work):
    """Instead of the worker that forks them; the worker has none then."""
    seen = work("prefork", change={"worker_init": "worker_process_init", "@worker_shutdown.connect\n": ""})
    assert seen.status == 0
    assert seen.worker.complaints() == []
    assert seen.ends == {("invoice", "ok"): 5, ("mail", "ok"): 5}
    assert seen.sink.tasks() == seen.sink.calls() == MANY


def test_without_installing_a_warning_says_so(work):
    """The threads of the pool do not see the session that the worker entered."""
    seen = work(
        "threads",
        change={
            "session.install()": "session.__enter__()",
            "session.uninstall()": "session.__exit__(None, None, None)",
        },
    )
    assert seen.ends == {}
    for name in MANY:
        assert f"task '{name}' is called in thread" in seen.worker.log
