"""The plugin as a whole."""

from __future__ import annotations

import subprocess
import sys

import pytest

from pegboard import ConfigError, Session, task
from pegboard.testing import FaultyPlugin, check_plugin
from pegboard_limits import Breaker, Concurrency, Limits, RateLimit


def test_the_plugin_has_its_manners():
    """What Pegboard promises of every plugin holds for this one."""
    check_plugin(Limits, Breaker(3), RateLimit("1000/s"), Concurrency(2))


def test_layers_stand_where_their_order_puts_them(session, kind, of_kind):
    """Slots outside the retries; breaker and rate inside them; nothing for a task that asks for nothing."""
    probe = of_kind(kind, lambda: None, RateLimit("9/s"), Breaker(), Concurrency(2), RateLimit("99/min"))
    assert session.explain(probe).layers == (
        (400, "limits"),
        (700, "limits"),
        (750, "limits"),
        (750, "limits"),
    )
    assert session.explain(of_kind(kind, lambda: None)).layers == ()


def test_options_bring_the_plugin(kind, of_kind):
    """A session needs no `Limits()`."""
    probe = of_kind(kind, lambda: 1, Breaker())
    with Session(inherit=False) as session:
        assert probe.run().status == "ok"
        assert list(session.plugins) == ["limits"]


def test_a_faulty_observer_changes_nothing(clock):
    """An observer of a breaker's change, or of a wait, that fails is counted, and the call goes on."""
    faulty = FaultyPlugin(hooks=["on_wait", "on_breaker_change"])

    @task(Breaker(1, 10), RateLimit("1/s"))
    def probe(fails):
        if fails:
            raise OSError("down")
        return "up"

    with Session(clock, Limits(), faulty, inherit=False) as session:
        assert isinstance(probe.run(True).error, OSError)
        clock.advance(10)
        assert probe(False) == "up"
        assert probe(False) == "up"
        assert session.observer_errors == {("faulty", "on_breaker_change"): 3, ("faulty", "on_wait"): 1}


@pytest.mark.parametrize(
    ("make", "error", "text"),
    [
        (lambda: Limits("localhost:6379"), ConfigError, "without a scheme"),
        (lambda: Limits("postgresql://user:word@host"), ConfigError, "store postgresql://: only Redis"),
        (lambda: Limits(5), TypeError, "store is the URL of a Redis"),
        (lambda: Limits(prefix=""), ValueError, "prefix is a string"),
        (lambda: Limits(prefix="a{b}"), ValueError, "prefix is a string without braces"),
        (lambda: Limits(lease=0), ValueError, "lease is a finite number"),
        (lambda: Limits(lease="30"), TypeError, "lease is a finite number of seconds"),
        (lambda: Limits(on_store_error="ignore"), ValueError, "on_store_error is 'raise' or 'allow'"),
    ],
)
def test_wrong_settings_are_refused_at_once(make, error, text):
    """The message says what is wrong, and never shows a URL, which may hold a password."""
    with pytest.raises(error, match=text) as caught:
        make()
    assert "word" not in str(caught.value).replace("password", "")


def test_importing_the_package_loads_no_redis_and_no_asyncio():
    """The client is loaded by the first question to a store."""
    code = "import sys, pegboard_limits; print([n for n in ('redis', 'asyncio') if n in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
