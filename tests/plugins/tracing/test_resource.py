"""The resource of a session's own spans: as the environment says, wherever it is made."""

from __future__ import annotations

import subprocess
import sys
import textwrap

from opentelemetry.sdk.resources import Resource

from pegboard_tracing.resource import service_resource, with_instance

PROGRAM = """
    import os, threading
    from opentelemetry.sdk.trace.export import ConsoleSpanExporter, SimpleSpanProcessor
    from pegboard import Session, hookimpl, task
    from pegboard_tracing import Tracing

    os.environ["OTEL_SERVICE_NAME"] = "shop"
    os.environ["OTEL_RESOURCE_ATTRIBUTES"] = "deployment.environment.name=test,service.instance.id=1"

    class Spans:
        name = "spans"

        @hookimpl
        def span_processors(self):
            return [SimpleSpanProcessor(ConsoleSpanExporter(formatter=shown))]

    def shown(span):
        return f"{span.name}: {sorted(span.resource.attributes.items())}\\n"

    @task
    def work():
        pass

    def run():
        with Session(Tracing(), Spans()):
            work()

    def late():
        threading.main_thread().join()
        run()

    if os.sys.argv[1] == "early":
        run()
    else:
        threading.Thread(target=late).start()
"""


def spans(when):
    program = [sys.executable, "-W", "error", "-c", textwrap.dedent(PROGRAM), when]
    done = subprocess.run(program, capture_output=True, text=True, check=True, timeout=30)
    assert done.stderr == ""
    return done.stdout


def test_the_first_traced_call_may_come_after_the_main_thread_has_ended():
    """Where the SDK cannot ask for the resource any more; it is the same."""
    early = spans("early")
    assert "('deployment.environment.name', 'test')" in early
    assert "('service.name', 'shop')" in early
    assert spans("late") == early


def test_processes_are_told_apart_whatever_the_sdk():
    """An older one gives no id; all of a process have the same one, and what the environment says goes first."""
    ids = {with_instance(Resource({})).attributes["service.instance.id"] for _ in range(2)}
    assert len(ids) == 1
    assert ids != {""}
    assert with_instance(Resource({"service.instance.id": "7"})).attributes["service.instance.id"] == "7"
    assert service_resource().attributes["service.instance.id"]
