"""Which format a client gets."""

from __future__ import annotations

import pytest
from prometheus_client import CollectorRegistry, Gauge

from pegboard_prometheus.page.exposition import OPENMETRICS, TEXT, accepts_gzip, content_type, render

PROMETHEUS_2 = (
    "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
    "text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
)
PROMETHEUS_3 = (
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,application/openmetrics-text;version=0.0.1;q=0.4,"
    "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,text/plain;version=0.0.4;q=0.2,*/*;q=0.1"
)


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("", TEXT),
        ("*/*", TEXT),
        ("text/html,application/xhtml+xml,*/*;q=0.8", TEXT),
        ("text/plain", TEXT),
        ("application/openmetrics-text", OPENMETRICS),
        ("APPLICATION/OpenMetrics-Text ; version=1.0.0", OPENMETRICS),
        ("application/openmetrics-text, text/plain", OPENMETRICS),
        ("application/openmetrics-text;q=0.3, text/plain", TEXT),
        ("application/openmetrics-text;q=0", TEXT),
        ("application/openmetrics-text;q=much", TEXT),
        (";;,,q=,", TEXT),
        (PROMETHEUS_2, OPENMETRICS),
        (PROMETHEUS_3, OPENMETRICS),
    ],
)
def test_openmetrics_for_those_who_name_it_and_like_it_no_less(accept, kind):
    """Weights count; whoever names neither, or sends nonsense, gets plain text."""
    assert content_type(accept) == kind


@pytest.mark.parametrize(
    ("accept_encoding", "accepts"),
    [
        ("", False),
        ("identity", False),
        ("gzip", True),
        ("GZIP", True),
        ("deflate, gzip;q=0.5", True),
        ("*", True),
        ("gzip;q=0", False),
        ("gzip;q=0, *", False),
        ("gzip;q=maybe", False),
    ],
)
def test_gzip_only_where_it_is_accepted(accept_encoding, accepts):
    """Weights count, also that of the star."""
    assert accepts_gzip(accept_encoding) is accepts


def test_a_name_in_two_registries_is_served_once(caplog):
    """A page with a family twice would be refused as a whole; the warning names the metric."""
    registries = [CollectorRegistry(), CollectorRegistry()]
    for number, registry in enumerate(registries):
        Gauge("mine", "A number.", registry=registry).set(number)
    assert render(registries, TEXT).decode().splitlines()[-1] == "mine 0.0"
    assert "mine" in caplog.text
