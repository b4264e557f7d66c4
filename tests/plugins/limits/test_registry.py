"""Which limit a task means."""

from __future__ import annotations

import gc

from pegboard import Session, task
from pegboard_limits import Breaker, RateLimit


def fails():
    raise OSError("down")


def test_a_task_made_anew_with_other_options_keeps_its_limit(session, limits):
    """The same function, name and settings mean the same limit, whatever else the task has; other settings another."""
    probe = task(Breaker(3))(fails)
    probe.run()
    copy = probe.with_options(RateLimit("1000/s"))
    copy.run()
    assert limits.breakers()["fails"].failures == 2
    probe.with_options(Breaker(9)).run()
    assert {name: record.failures for name, record in limits.breakers().items()} == {"fails": 2, "fails#2": 1}


def test_a_plugin_that_comes_later_does_not_reset_a_limit(session, limits):
    """Plans are remade when plugins change; the limit is the one from before."""

    class Other:
        name = "other"

    probe = task(Breaker(3))(fails)
    probe.run()
    session.register(Other())
    probe.run()
    assert limits.breakers()["fails"].failures == 2


def test_a_default_is_a_limit_for_each_task(limits):
    """`Session(defaults=[Breaker(2)])` gives every task a breaker of its own."""
    one, other = task(name="one")(fails), task(name="other")(fails)
    with Session(limits, defaults=[Breaker(2)], inherit=False):
        one.run()
        one.run()
        other.run()
    assert {name: record.state for name, record in limits.breakers().items()} == {
        "one": "open",
        "other": "closed",
    }


def test_the_limit_of_a_function_that_is_gone_is_forgotten(limits):
    """Tasks made in passing do not pile up."""

    def use():
        def passing():
            raise OSError("down")

        with Session(limits, inherit=False):
            task(Breaker(2))(passing).run()

    for _ in range(5):
        use()
        gc.collect()
    assert list(limits.breakers()) == []


def test_a_callable_that_cannot_be_referred_to_weakly_has_a_limit_too(session, limits):
    """Any callable may be a task's function."""

    class Slotted:
        __slots__ = ()

        def __call__(self):
            raise OSError("down")

    probe = task(Breaker(2), name="slotted")(Slotted())
    probe.run()
    gc.collect()
    probe.run()
    assert limits.breakers()["slotted"].state == "open"
