"""What `session.measure` answers, with something that measures and without."""

from __future__ import annotations

import pytest

from pegboard import Session, hookimpl
from pegboard.testing import Instruments


class Refusing:
    """Takes no instrument."""

    name = "refusing"

    def __init__(self, error):
        self.error = error

    @hookimpl
    def make_instrument(self, name):
        raise self.error


class New:
    """Makes another instrument each time that it is asked."""

    name = "new"

    @hookimpl
    def make_instrument(self):
        return object()


def use(session):
    """Use an instrument of each kind, bound and without labels, in every way there is."""
    session.measure("counter", "orders", "Orders.").add()
    session.measure("counter", "orders_of", "Orders.", ["shop"]).labels(shop="a").add(2)
    session.measure("gauge", "stock", "Stock.").set(3)
    session.measure("gauge", "stock_of", "Stock.", ["shop"]).labels(shop="a").add(-1)
    session.measure("gauge", "stock_now", "Stock.").set_function(lambda: 4)
    session.measure("histogram", "order_bytes", "Sizes.", buckets=(1, 2)).observe(5)


def test_without_anybody_who_measures_instruments_do_nothing():
    """The same code runs, whether its session has something that measures or not."""
    with Session(strict=True, inherit=False) as session:
        use(session)


def test_what_measures_gets_what_is_measured():
    """Each kind has its methods."""
    instruments = Instruments()
    with Session(instruments, strict=True, inherit=False) as session:
        use(session)
    assert instruments.value("orders") == 1
    assert instruments.value("orders_of", shop="a") == 2
    assert instruments.value("stock") == 3
    assert instruments.value("stock_of", shop="a") == -1
    assert instruments.value("stock_now") == 4
    assert instruments.sizes("order_bytes") == [5]


@pytest.mark.parametrize("plugins", [[], [New()]], ids=["nobody", "somebody"])
def test_the_same_arguments_give_the_same_instrument(plugins):
    """It may be asked for wherever it is used: what measures is asked once."""
    with Session(*plugins, inherit=False) as session:
        first = session.measure("counter", "orders", "Orders.", ["shop"])
        assert session.measure("counter", "orders", "Orders.", ("shop",)) is first


def test_what_measures_may_be_attached_later():
    """From then on the same arguments give an instrument that measures."""
    instruments = Instruments()
    with Session(strict=True, inherit=False) as session:
        session.measure("counter", "orders", "Orders.").add()
        session.register(instruments)
        session.measure("counter", "orders", "Orders.").add()
        assert instruments.value("orders") == 1
        session.unregister(instruments)
        session.measure("counter", "orders", "Orders.").add()
        assert instruments.value("orders") == 1


def test_an_inner_session_measures_with_what_it_inherits():
    """The instruments are the outer session's plugin's."""
    instruments = Instruments()
    with Session(instruments, inherit=False), Session() as inner:
        inner.measure("counter", "orders", "Orders.").add()
    assert instruments.value("orders") == 1


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("meter", "orders", "Orders."), "counter, gauge, histogram"),
        (("counter", "my orders", "Orders."), "letters, digits and underscores"),
        (("counter", "orders:sum", "Orders."), "letters, digits and underscores"),
        (("counter", "", "Orders."), "letters, digits and underscores"),
        (("counter", "orders_total", "Orders."), "'orders'"),
        (("histogram", "order_count", "Orders."), "'_count'"),
        (("counter", "orders", "Orders.", ["the shop"]), "'the shop'"),
        (("counter", "orders", "Orders.", ["__shop"]), "'__shop'"),
        (("histogram", "orders", "Orders.", ["le"]), "'le'"),
        (("counter", "orders", "Orders.", ["shop", "shop"]), "once"),
    ],
)
def test_what_no_scrape_can_show_is_refused(arguments, says):
    """Also where nobody measures, so that it shows where it is written; and no other time is it taken."""
    with Session(inherit=False) as session:
        for _ in range(2):
            with pytest.raises(ValueError, match=says):
                session.measure(*arguments)


@pytest.mark.parametrize(
    ("kind", "buckets"),
    [("counter", (1, 2)), ("histogram", ()), ("histogram", (2, 1)), ("histogram", (1, 1))],
)
def test_buckets_rise_and_are_a_histograms(kind, buckets):
    """Anything else is refused."""
    with Session(inherit=False) as session, pytest.raises(ValueError, match="buckets"):
        session.measure(kind, "orders", "Orders.", buckets=buckets)


def test_a_refusal_reaches_who_asked():
    """A ValueError of what measures is about the arguments, and no fault of the plugin's."""
    with Session(Refusing(ValueError("taken")), inherit=False) as session:
        with pytest.raises(ValueError, match="taken"):
            session.measure("counter", "orders", "Orders.")
        assert session.observer_errors == {}


def test_any_other_error_of_what_measures_is_contained(caplog):
    """It is counted and logged, the next plugin is asked, and the caller gets an instrument."""
    instruments = Instruments()
    with Session(instruments, Refusing(OSError()), inherit=False) as session:
        session.measure("counter", "orders", "Orders.").add()
        assert session.observer_errors == {("refusing", "make_instrument"): 1}
    assert instruments.value("orders") == 1
