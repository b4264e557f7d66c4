"""Which format and encoding a client gets."""

from __future__ import annotations

import pytest

from pegboard_prometheus.page.negotiation import OPENMETRICS, TEXT, accepts_gzip, content_type

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
        ("application/openmetrics-text;q=0.3, text/*", TEXT),
        ("*/*, application/openmetrics-text;q=0.3", TEXT),
        ("*/*;q=0.1, application/openmetrics-text;q=0.3", OPENMETRICS),
        ("application/openmetrics-text;q=0", TEXT),
        ("application/openmetrics-text;Q=0", TEXT),
        ("application/openmetrics-text ; Q = 0.0 , */*", TEXT),
        ("application/openmetrics-text;q=much", TEXT),
        ("application/openmetrics-text;q=-1", TEXT),
        ("application/openmetrics-text;q=nan", TEXT),
        ("application/openmetrics-text;version=2.0.0", TEXT),
        ('application/openmetrics-text;VERSION="1.0.0"', OPENMETRICS),
        (
            "application/openmetrics-text;version=2.0.0, application/openmetrics-text;version=1.0.0;q=0.5",
            OPENMETRICS,
        ),
        ("text/plain;q=0, */*", OPENMETRICS),
        ("text/*;Q=0, application/*", OPENMETRICS),
        ("*/*;q=0", TEXT),
        (";;,,q=,", TEXT),
        (PROMETHEUS_2, OPENMETRICS),
        (PROMETHEUS_3, OPENMETRICS),
    ],
)
def test_openmetrics_for_those_who_name_it_and_like_it_no_less(accept, kind):
    """Weights count, of the entry that says most; whoever names neither, or sends nonsense, gets plain text."""
    assert content_type(accept) == kind


@pytest.mark.parametrize(
    ("accept_encoding", "accepts"),
    [
        ("", False),
        ("identity", False),
        ("gzip", True),
        ("GZIP", True),
        ("x-gzip", True),
        ("deflate, gzip;q=0.5", True),
        ("*", True),
        ("gzip;q=0", False),
        ("gzip;Q=0", False),
        ("gzip ; Q = 0", False),
        ("gzip;q=0, *", False),
        ("*, gzip;q=0", False),
        ("*;q=0, gzip", True),
        ("gzip;q=0.5, identity", False),
        ("identity;q=0.5, gzip", True),
        ("gzip;q=maybe", False),
    ],
)
def test_gzip_only_where_it_is_accepted(accept_encoding, accepts):
    """Weights count, also that of the star, and that of plain bytes."""
    assert accepts_gzip(accept_encoding) is accepts
