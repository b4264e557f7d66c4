"""Values of Python in OTLP: as near as it has them, and one that it has not costs itself alone."""

from __future__ import annotations

import math
from decimal import Decimal
from types import MappingProxyType

import pytest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValueList

from pegboard import Secret
from pegboard_otlp._values import add_attributes, any_value

VALUES = {
    "text": ("käse", {"string_value": "käse"}),
    "lone surrogate": ("caf\udce9", {"string_value": "caf\\udce9"}),
    "true": (True, {"bool_value": True}),
    "whole": (-3, {"int_value": -3}),
    "most": (2**63 - 1, {"int_value": 2**63 - 1}),
    "too large": (2**63, {"string_value": str(2**63)}),
    "too small": (-(2**63) - 1, {"string_value": str(-(2**63) - 1)}),
    "larger than texts": (10**5_000, {"string_value": "<int>"}),
    "float": (1.5, {"double_value": 1.5}),
    "infinite": (math.inf, {"double_value": math.inf}),
    "bytes": (b"\xff", {"bytes_value": b"\xff"}),
    "nothing": (None, {}),
    "other": (Decimal("1.5"), {"string_value": "1.5"}),
    "secret": (Secret("canary"), {"string_value": "<Secret>"}),
}


@pytest.mark.parametrize("kind", VALUES)
def test_a_value_is_told_as_it_is_or_as_text(kind):
    """By the specification's rules; a text that is no UTF-8 is escaped."""
    value, fields = VALUES[kind]
    assert any_value(value) == AnyValue(**fields)


def test_sequences_and_mappings_are_told_item_by_item():
    """Whatever is in them, and whatever their keys are."""
    told = any_value(MappingProxyType({1: ("\udce9", 2**70), "b": {"c": None}}))
    one, two = told.kvlist_value.values
    assert (one.key, [each.string_value for each in one.value.array_value.values]) == (
        "1",
        ["\\udce9", str(2**70)],
    )
    assert two.value.kvlist_value.values[0] == KeyValueList(values=[{"key": "c", "value": {}}]).values[0]


class Broken(dict):
    """A mapping that cannot be read."""

    def items(self):
        raise OSError


def endless():
    circle = []
    circle.append(circle)
    return circle


@pytest.mark.parametrize("value", [Broken(), endless()], ids=["broken", "endless"])
def test_an_attribute_that_cannot_be_told_costs_itself_alone(value):
    """The others are there, and it is counted."""
    to = KeyValueList().values
    assert add_attributes({"a": 1, "bad": value, "caf\udce9": 2, 3: 3}, to) == 1
    assert [pair.key for pair in to] == ["a", "caf\\udce9", "3"]


def test_no_attributes_are_none():
    """As records without any have it."""
    assert add_attributes(None, KeyValueList().values) == 0
