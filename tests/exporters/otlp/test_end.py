"""The end of a session and of a process: within the deadline, whatever the collector does; losses said and counted."""

from __future__ import annotations

import logging
import os
import signal
import socket
import subprocess
import sys
import textwrap
import threading
import time

import pytest

from pegboard import Session, task
from pegboard_otlp import OTLP
from pegboard_tracing import Tracing

CANARY = "s3cr3t-canary"


@task
def invert(x):
    return 1 / x


@pytest.fixture
def dead():
    """The address of a port where nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    return f"http://127.0.0.1:{port}"


@pytest.fixture
def hanging():
    """The address of a port where connections are taken and nothing is ever answered."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(64)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


@pytest.fixture
def said(caplog):
    """Every line that was logged, by anybody."""
    caplog.set_level(logging.DEBUG)

    def said():
        return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]

    return said


def run(code, *arguments):
    program = [sys.executable, "-W", "error", "-c", textwrap.dedent(code), *arguments]
    return subprocess.Popen(program, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


PROGRAM = """
    import sys
    from pegboard import Session, task
    from pegboard_metrics import Metrics
    from pegboard_otlp import OTLP
    from pegboard_tracing import Tracing

    @task
    def f():
        pass

    with Session(Tracing(), Metrics(), OTLP(sys.argv[1], protocol=sys.argv[2], flush_timeout=0.4)):
        for _ in range(312):
            f()
        import time
        start = time.monotonic()
    print(time.monotonic() - start)
    start = time.monotonic()
    import atexit
    atexit.register(lambda: print(time.monotonic() - start, flush=True))
"""


@pytest.mark.parametrize("protocol", ["http/protobuf", "grpc"])
@pytest.mark.parametrize("how", ["dead", "hanging"])
def test_a_process_ends_in_time(dead, hanging, how, protocol):
    """A dead or hanging collector holds the end up for `flush_timeout`, not longer; the loss is said once a signal."""
    url = dead if how == "dead" else hanging
    process = run(PROGRAM, url, protocol)
    seconds, _ = (float(process.stdout.readline()) for _ in range(2))
    begun = time.monotonic()
    _, said = process.communicate(timeout=20)
    assert process.returncode == 0
    assert seconds < 0.4 + 1.5
    assert how == "dead" or seconds > 0.3
    assert time.monotonic() - begun < 2
    lines = said.splitlines()
    assert len(lines) == 2, said
    path = ["/v1/traces", "/v1/metrics"] if protocol != "grpc" else ["", ""]
    assert lines[0].startswith(f"otlp: 312 spans not delivered to {url}{path[0]}")
    assert how == "dead" or lines[0].endswith(" within 0.4 s")
    assert " metric points not delivered to " in lines[1]


@pytest.mark.parametrize("where", ["first", "last"])
def test_a_hanging_collector_holds_a_session_up_once(receiver, metrics, said, where):
    """All signals share the deadline, in whatever order plugins end; no thread stays once the collector lets go."""
    receiver.hangs = True
    plugins = [Tracing(), metrics]
    plugins.insert(0 if where == "first" else 2, OTLP(receiver.url, flush_timeout=0.3, timeout=1, logs=True))
    with Session(*plugins, inherit=False):
        invert(1)
        logging.getLogger("shop").error("burnt")
        begun = time.monotonic()
    assert 0.3 <= time.monotonic() - begun < 0.8
    assert [line for line in said() if line.startswith("otlp: 1 span not delivered")]
    assert len([line for line in said() if line.startswith("otlp: ")]) == 3
    assert {(signal, reason) for signal, reason, _ in metrics.dropped} == {
        ("traces", "deadline"),
        ("metrics", "deadline"),
        ("logs", "deadline"),
    }
    receiver.released.set()


def test_a_slow_collector_that_makes_it_loses_nothing(receiver, metrics, said):
    """The end waits as long as it takes, if that is less than the deadline."""
    receiver.delay = 0.1
    with Session(Tracing(), metrics, OTLP(receiver.url, metrics=False, flush_timeout=10), inherit=False):
        for _ in range(1_500):
            invert(1)
    assert len(receiver.spans) == 1_500
    assert said() == []


def test_a_full_queue_drops_and_counts(receiver, metrics, said):
    """Of what does not fit in the queue the number is said, and nothing waits."""
    os.environ |= {"OTEL_BSP_MAX_QUEUE_SIZE": "100", "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "50"}
    receiver.hangs = True
    with Session(Tracing(), metrics, OTLP(receiver.url, metrics=False), inherit=False):
        for _ in range(50):
            invert(1)
        time.sleep(0.2)  # these are on their way, and hang
        for _ in range(130):
            invert(1)
        receiver.hangs = False
        receiver.released.set()
    assert len(receiver.spans) == 150
    assert metrics.dropped == [("traces", "queue_full", 30)]
    (line,) = [line for line in said() if "told at the end" not in line]
    assert line == f"otlp: 30 spans not delivered to {receiver.url}/v1/traces: more than 100 waited"


def test_a_collector_that_refuses_is_quoted(receiver, metrics, said):
    """What it said is in the line, which comes while the session goes on, and once more at the end with the total."""
    receiver.status = 403
    otlp = OTLP(receiver.url, metrics=False)
    with Session(Tracing(), metrics, otlp, inherit=False):
        for _ in range(3):
            invert(1)
            assert not otlp.flush(10)
    first, last = said()
    assert first.startswith("otlp: 1 span not delivered")
    assert "403" in first
    assert last.startswith(f"otlp: 3 spans not delivered to {receiver.url}/v1/traces: ")
    assert "within" not in last


def test_a_collector_that_comes_back_gets_everything(receiver, metrics, said):
    """503 is tried again, in silence, until it works."""
    receiver.status = 503
    with Session(Tracing(), metrics, OTLP(receiver.url, metrics=False, flush_timeout=8), inherit=False):
        invert(1)
        threading.Timer(0.3, lambda: setattr(receiver, "status", 200)).start()
    assert len(receiver.spans) == 1
    assert said() == []


@pytest.mark.parametrize("how", ["dead", "refused"])
@pytest.mark.parametrize("protocol", ["http/protobuf", "grpc"])
def test_no_credential_is_in_any_line(receiver, dead, metrics, caplog, how, protocol):
    """Neither ours nor those of the libraries beneath, down to DEBUG."""
    caplog.set_level(logging.DEBUG)
    receiver.status = 403
    base = dead if how == "dead" else receiver.url
    endpoint = f"{base.replace('://', f'://user:{CANARY}1@')}/?token={CANARY}2"
    headers = {"x-api-key": f"{CANARY}3"}
    otlp = OTLP(endpoint, protocol=protocol, headers=headers, flush_timeout=0.2)
    with Session(Tracing(), metrics, otlp, inherit=False):
        invert(1)
    assert "not delivered" in caplog.text
    assert CANARY not in caplog.text
    assert "c3RydC1" not in caplog.text  # part of it in base 64


def test_losses_are_told_to_the_metrics(receiver, metrics):
    """What is lost is counted by signal and reason, where the plugin takes such counts."""
    receiver.status = 403
    otlp = OTLP(receiver.url, metrics=False)
    with Session(Tracing(), metrics, otlp, inherit=False):
        invert(1)
        invert(1)
    assert metrics.dropped == [("traces", "export_failed", 2)]


def test_an_error_of_a_library_loses_one_batch(receiver, metrics, said):
    """Whatever a library raises, the thread goes on, and the line names the type alone."""

    class OddError(OSError):
        pass

    with Session(Tracing(), metrics, OTLP(receiver.url, metrics=False), inherit=False) as session:
        outbox = session.plugins["otlp"]._deliveries[session]._parts[0]
        good = outbox._line._carrier

        class Raising:
            def send(self, body, seconds):
                raise OddError(CANARY)

            def close(self):
                good.close()

        outbox._line._carrier = Raising()
        invert(1)
        session.plugins["otlp"].flush()
        outbox._line._carrier = good
        invert(2)
    assert len(receiver.spans) == 1
    assert said()[-1].endswith("/v1/traces: OddError in Raising.send")


SIGTERM = """
    import os, signal, sys, time
    from pegboard import Session, install_sigterm, task
    from pegboard_metrics import Metrics
    from pegboard_otlp import OTLP
    from pegboard_tracing import Tracing

    @task
    def step():
        pass

    @task
    def job():
        for _ in range(40):
            step()
        os.write(1, b"ready\\n")  # a print that the handler's print interrupts is an error of Python's
        time.sleep(30)

    install_sigterm()
    with Session(Tracing(), Metrics(), OTLP(sys.argv[1])):
        try:
            job()
        finally:
            print("finally", flush=True)
"""


def test_sigterm_sends_what_has_ended(receiver):
    """Ended spans arrive, and those that the signal ends; `finally` blocks run, and the status is 143."""
    process = run(SIGTERM, receiver.url)
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGTERM)
    out, said = process.communicate(timeout=20)
    assert (process.returncode, out, said) == (143, "finally\n", "")
    names = [span.name for span in receiver.spans]
    assert names.count("step") == 40
    assert names[-1] == "job"  # it was ended by the signal
    assert receiver.pushes


def test_sigterm_during_the_end_loses_nothing(receiver):
    """A signal that comes while a session waits for its flush waits with it."""
    later = "; __import__('threading').Timer(0.3, signal.raise_signal, [15]).start()"
    code = SIGTERM.replace("OTLP(sys.argv[1])", "OTLP(sys.argv[1], flush_timeout=5)")
    code = code.replace("time.sleep(30)", "pass").replace("flush=True)", f"flush=True){later}")
    receiver.delay = 0.8
    process = run(code, receiver.url)
    assert [process.stdout.readline() for _ in range(2)] == ["ready\n", "finally\n"]
    begun = time.monotonic()
    out, said = process.communicate(timeout=20)
    assert time.monotonic() - begun < 5
    assert (process.returncode, out, said) == (143, "", "")
    assert len(receiver.spans) == 41


def test_sigterm_with_a_dead_collector_ends_in_time(dead):
    """The flush of the session's end has its deadline."""
    process = run(SIGTERM.replace("OTLP(sys.argv[1])", "OTLP(sys.argv[1], flush_timeout=0.3)"), dead)
    assert process.stdout.readline() == "ready\n"
    begun = time.monotonic()
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=20)
    assert process.returncode == 143
    assert time.monotonic() - begun < 5


FORK = """
    import os, sys
    from pegboard import Session, task
    from pegboard_metrics import Metrics
    from pegboard_otlp import OTLP
    from pegboard_tracing import Tracing

    @task
    def parent(): pass

    @task
    def child(): pass

    otlp = OTLP(sys.argv[1])
    with Session(Tracing(), Metrics(), otlp):
        parent()
        otlp.flush()      # opens the connection that a child must not share
        for _ in range(10):
            parent()
"""
OS_FORK = """
        if os.fork() == 0:
            child()
            sys.exit()    # ends the session, in the child
        os.wait()
        parent()
"""
MULTIPROCESSING = """
        import multiprocessing
        process = multiprocessing.get_context("fork").Process(target=child)
        process.start()
        process.join()
        parent()
"""

LEAVING = """
        forked = os.fork()
        if forked == 0:
            child()
        else:
            os.wait()
            parent()
    # the child has left the session, too
"""
IN_A_TASK = """
        @task(name="parent")
        def forks():
            if os.fork() == 0:
                child()
                sys.exit()   # ends the call, in the child
            os.wait()
        forks()
"""
WAYS = {"os.fork": OS_FORK, "multiprocessing": MULTIPROCESSING, "leaving": LEAVING, "in a task": IN_A_TASK}


@pytest.mark.parametrize("how", WAYS.values(), ids=WAYS)
def test_a_forked_child_sends_its_own_spans_and_no_others(receiver, how):
    """Those of the parent come once, from the parent; the child's come, too; metrics come from the parent alone."""
    process = run(FORK + how, receiver.url)
    _, said = process.communicate(timeout=20)
    assert (process.returncode, said) == (0, "")
    names = sorted(span.name for span in receiver.spans)
    assert names == ["child"] + ["parent"] * 12
    assert len(receiver.pushes) == 2  # the flush and the end, of the parent
