"""A real push gateway takes what is pushed, and keeps the last success."""

from __future__ import annotations

from urllib.request import urlopen

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families

from pegboard import Session, task
from pegboard_metrics import Metrics, names
from pegboard_prometheus import PushGateway


@task
def invert(x):
    return 1 / x


@pytest.fixture(scope="session")
def gateway(stack, tmp_path_factory, find_program, serve, free_port):
    """A running push gateway; the address of what it has."""
    port = free_port()
    program = find_program("prometheus-pushgateway", "prometheus-pushgateway")
    words = [f"--web.listen-address=127.0.0.1:{port}", "--persistence.file="]
    serve(stack, tmp_path_factory.mktemp("gateway"), port, [program, *words])
    return f"127.0.0.1:{port}"


def push(gateway, *arguments):
    plugin = PushGateway(gateway, "night/ly", {"instance": "a ä"})
    with Session(Metrics(CollectorRegistry()), plugin, inherit=False, strict=True):
        for argument in arguments:
            invert.run(argument)


def kept(gateway):
    """What the gateway has of ours, by name and status."""
    with urlopen(f"http://{gateway}/metrics", timeout=30) as answer:
        families = text_string_to_metric_families(answer.read().decode())
        return {
            (sample.name, sample.labels.get(names.STATUS)): sample
            for family in families
            for sample in family.samples
            if sample.labels.get("job") == "night/ly"
        }


def test_a_failing_run_keeps_the_last_success(gateway, caplog):
    """Pushed twice; the counts are those of the second run, the time of success that of the first."""
    push(gateway, 1, 2)
    first = kept(gateway)
    push(gateway, 0)
    second = kept(gateway)
    last, count = (names.LAST_SUCCESS.name, None), f"{names.DURATION.name}_count"
    assert caplog.records == []
    assert first[count, "ok"].value == 2
    assert first[last].labels["instance"] == "a ä"
    assert second[last].value == first[last].value
    assert (second[count, "error"].value, second[count, "ok"].value) == (1, 0)
