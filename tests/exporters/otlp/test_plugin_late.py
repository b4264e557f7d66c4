"""A program whose main thread has ended still sends what its other threads do."""

from __future__ import annotations

import subprocess
import sys
import textwrap

import pytest

PROGRAM = """
    import atexit, contextvars, logging, sys, threading
    from pegboard import Session, task
    from pegboard_metrics import Metrics
    from pegboard_otlp import OTLP
    from pegboard_tracing import Tracing

    @task
    def work():
        logging.getLogger("late").warning("at work")

    def session():
        return Session(Tracing(), Metrics(), OTLP(sys.argv[1], logs=True, flush_timeout=10))

    def whole():
        with session():
            work()

    def with_the_call():
        opened = session()
        opened.__enter__()
        context = contextvars.copy_context()
        return lambda: context.run(lambda: (work(), opened.__exit__(None, None, None)))

    def when_main_has_ended(run):
        threading.Thread(target=lambda: (threading.main_thread().join(), run())).start()
"""
WHEN = {
    "its session": "when_main_has_ended(whole)",
    "its first call": "when_main_has_ended(with_the_call())",
    "its session, at exit": "atexit.register(whole)",
    "its first call, at exit": "atexit.register(with_the_call())",
}


@pytest.mark.skipif(
    sys.version_info >= (3, 12), reason="Python starts no thread any more once the main one has ended"
)
@pytest.mark.parametrize("what", WHEN)
def test_what_begins_after_the_main_thread_has_ended_arrives(receiver, what):
    """Where Python starts no pool of threads any more: spans, metrics and log records, without a word."""
    program = [
        sys.executable,
        "-W",
        "error",
        "-c",
        f"{textwrap.dedent(PROGRAM)}\n{WHEN[what]}\n",
        receiver.url,
    ]
    done = subprocess.run(program, capture_output=True, text=True, check=False, timeout=30)
    assert (done.returncode, done.stderr.replace("at work\n", "")) == (0, "")
    assert [span.name for span in receiver.spans] == ["work"]
    assert [scope for scope, _ in receiver.records] == ["late"]
    assert "pegboard.task.duration" in receiver.pushes[-1]
