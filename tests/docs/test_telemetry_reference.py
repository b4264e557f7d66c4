"""The page of every name that leaves the process, held against the code."""

from __future__ import annotations

import re

import pytest

from pegboard_metrics import names as metric_names
from pegboard_metrics.names import BUCKETS, INSTRUMENTS
from pegboard_tracing import _names as span_names

PLAIN = {"SCOPE", "SCHEMA_URL", "EXCEPTION_EVENT"}


@pytest.fixture(scope="module")
def reference(root) -> str:
    return (root / "docs" / "reference" / "telemetry.md").read_text(encoding="utf-8")


def test_every_attribute_of_a_span_is_listed_and_no_other(reference) -> None:
    """Those of the module of names, in the tables about spans."""
    spans = reference.partition("## Spans")[2].partition("## Metrics")[0]
    listed = set(re.findall(r"`((?:pegboard|code|error|exception)\.[a-z_.]+?)(?:\.?<name>)?`", spans))
    known = {
        value.rstrip(".") for name, value in vars(span_names).items() if name.isupper() and name not in PLAIN
    }
    assert listed == known


@pytest.mark.parametrize("instrument", INSTRUMENTS, ids=lambda instrument: instrument.name)
def test_every_metric_is_listed_as_it_is(reference, instrument) -> None:
    """Both names, kind, unit and labels."""
    labels = ", ".join(f"`{label}`" for label in instrument.labels)
    row = f"| `{instrument.name}` | `{instrument.otel_name}` | {instrument.kind} | `{instrument.unit}` | {labels} |"
    assert row.replace("|  |", "| |") in reference


def test_no_other_metric_is_listed(reference) -> None:
    """The table has as many rows as there are instruments."""
    rows = re.findall(r"^\| `(pegboard_\w+)` \| `pegboard\.", reference, re.MULTILINE)
    assert sorted(rows) == sorted(instrument.name for instrument in INSTRUMENTS)
    assert metric_names.TASK in reference


def test_the_buckets_are_those_of_the_code(reference) -> None:
    """In seconds, in order."""
    assert ", ".join(f"{bound:g}" for bound in BUCKETS) in " ".join(reference.split())
