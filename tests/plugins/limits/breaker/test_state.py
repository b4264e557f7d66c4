"""The state of a breaker."""

from __future__ import annotations

import pickle

from hypothesis import given
from hypothesis import strategies as st

from pegboard import Session, task
from pegboard.testing import FakeClock
from pegboard_limits import Breaker, BreakerOpen, Limits

STEPS = st.lists(st.sampled_from(["ok", "fail", "wait 3", "wait 10"]), max_size=30)


class Model:
    """What a breaker does, said in another way: from the whole history, without any state but a list."""

    def __init__(self, failures, recovery):
        self.failures, self.recovery = failures, recovery
        self.row, self.opened, self.now = 0, None, 0.0

    def step(self, what):
        """Return what a call has to come to: `run` or `refused`; None for a wait."""
        if what.startswith("wait"):
            self.now += float(what.split()[1])
            return None
        if self.opened is not None and self.now - self.opened < self.recovery:
            return "refused"
        self.row = self.row + 1 if what == "fail" else 0
        probing = self.opened is not None
        self.opened = self.now if what == "fail" and (probing or self.row >= self.failures) else None
        return "run"


@given(failures=st.integers(1, 4), steps=STEPS)
def test_any_history_is_as_the_rules_say(failures, steps):
    """Whatever comes, calls are run and refused as counting the history by hand says."""
    clock, runs, model = FakeClock(), [], Model(failures, 10)

    @task(Breaker(failures, 10))
    def probe(what):
        runs.append(what)
        if what == "fail":
            raise OSError("down")

    with Session(clock, Limits(), inherit=False, strict=True):
        for step in steps:
            expected, before = model.step(step), len(runs)
            if expected is None:
                clock.advance(float(step.split()[1]))
                continue
            error = probe.run(step).error
            assert isinstance(error, BreakerOpen) == (expected == "refused")
            assert len(runs) - before == (expected == "run")


def test_failures_outside_the_window_do_not_count(session, clock, limits):
    """`window=5`: three failures in a row open the breaker only when they happened within 5 seconds."""

    @task(Breaker(3, 60, window=5))
    def probe():
        raise OSError("down")

    for _ in range(6):
        probe.run()
        clock.advance(2.6)
    assert limits.breakers()["probe"].state == "closed"
    assert limits.breakers()["probe"].failures == 1
    probe.run()
    clock.advance(1)
    probe.run()
    assert limits.breakers()["probe"].state == "open"
    clock.advance(30)
    assert limits.breakers()["probe"].failures == 3


def test_a_record_tells_what_the_breaker_is_like(session, clock, limits):
    """Name, state, failures and the seconds until a probe; it is a copy, and does not change later."""

    @task(Breaker(1, 60))
    def probe():
        raise OSError("down")

    probe.run()
    clock.advance(20)
    record = limits.breakers()["probe"]
    assert (record.name, record.state, record.failures, record.retry_after) == ("probe", "open", 1, 40)
    clock.advance(100)
    assert record.retry_after == 40
    assert limits.breakers()["probe"].retry_after == 0


def test_a_clock_that_starts_anew_does_not_keep_it_open(limits):
    """A session with another clock waits for the recovery at most, however far ahead the old clock was."""
    old, new, down = FakeClock(), FakeClock(), [True]
    old.advance(1e9)

    @task(Breaker(1, 60))
    def probe():
        if down:
            raise OSError("down")

    with Session(old, limits, inherit=False):
        probe.run()
    down.clear()
    with Session(new, limits, inherit=False):
        assert probe.run().error.retry_after == 60
        new.advance(60)
        assert probe.run().status == "ok"


def test_the_refusal_survives_pickling(session):
    """`BreakerOpen` comes out of another process with its facts."""

    @task(Breaker(1, 60))
    def probe():
        raise OSError("down")

    probe.run()
    error = pickle.loads(pickle.dumps(probe.run().error))
    assert (error.name, error.task, error.retry_after) == ("probe", "probe", 60)
