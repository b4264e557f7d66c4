"""The part of the testing kit that keeps what plugins measure."""

from __future__ import annotations

import pytest

from pegboard import Session
from pegboard.testing import Instruments


@pytest.fixture
def instruments():
    return Instruments()


@pytest.fixture
def session(instruments):
    with Session(instruments, strict=True, inherit=False) as session:
        yield session


def test_label_sets_are_kept_apart(session, instruments):
    """By their values, in any order of the labels."""
    orders = session.measure("counter", "orders", "Orders.", ["shop", "town"])
    orders.labels(shop="a", town="x").add(2)
    orders.labels(town="x", shop="a").add()
    orders.labels(shop="b", town="x").add()
    assert instruments.value("orders", town="x", shop="a") == 3
    assert instruments.value("orders", shop="b", town="x") == 1


def test_what_nobody_measured_is_none(session, instruments):
    """Neither an unknown instrument nor an unused label set is an error."""
    session.measure("counter", "orders", "Orders.", ["shop"])
    assert instruments.value("orders", shop="a") is None
    assert instruments.value("stock") is None
    assert instruments.sizes("order_bytes") == []


def test_a_function_gives_the_value_of_now(session, instruments):
    """It is asked each time."""
    level = [1]
    session.measure("gauge", "stock", "Stock.").set_function(lambda: level[0])
    assert instruments.value("stock") == 1
    level[0] = 2
    assert instruments.value("stock") == 2


def test_a_name_is_one_instruments(session):
    """Another kind or other labels are refused, as metrics would."""
    session.measure("counter", "orders", "Orders.", ["shop"])
    with pytest.raises(ValueError, match="is a counter"):
        session.measure("gauge", "orders", "Orders.", ["shop"])
    with pytest.raises(ValueError, match="the labels"):
        session.measure("counter", "orders", "Orders.")


def test_labels_that_are_not_all_bound_are_refused(session):
    """So that a plugin's test finds what metrics would refuse."""
    orders = session.measure("counter", "orders", "Orders.", ["shop"])
    for wrong in ({}, {"town": "x"}):
        with pytest.raises(ValueError, match="the labels are"):
            orders.labels(**wrong)
    with pytest.raises(ValueError, match="the labels are"):
        orders.add()
