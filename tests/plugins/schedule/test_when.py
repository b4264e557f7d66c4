from __future__ import annotations

import pytest

from pegboard import Session, task
from pegboard.testing import FakeClock
from pegboard_schedule import Scheduling, When


@pytest.fixture
def holds():
    """What the condition says: true while there is something in it."""
    return []


def looks(schedule, clock, holds, *answers):
    """Look once a second with each answer, and return how many runs each look had."""
    found = []
    for answer in answers:
        holds[:] = [1] * answer
        found.append(len(schedule.run_pending()))
        clock.advance(1)
    return found


def test_each_change_to_true_has_a_run(schedule, clock, times, holds):
    """As often as it becomes true."""
    schedule.add(times, When(lambda: holds))
    assert looks(schedule, clock, holds, 0, 1, 1, 0, 1) == [0, 1, 0, 0, 1]


def test_once_is_the_first_change_and_no_other(schedule, clock, times, holds):
    """Then the entry is gone, and nobody is asked any more."""
    asked = []
    schedule.add(times, When(lambda: asked.append(1) or holds, once=True))
    assert looks(schedule, clock, holds, 0, 1, 0, 1) == [0, 1, 0, 0]
    assert (schedule.scheduled(), len(asked)) == ([], 2)


def test_once_is_over_also_when_the_run_fails(schedule, clock, holds):
    """It has had its run."""

    @task(name="fails")
    def fails():
        raise LookupError

    schedule.add(fails, When(lambda: holds, once=True))
    assert looks(schedule, clock, holds, 1, 0, 1) == [1, 0, 0]


def test_once_is_once_in_all_processes_that_share_a_file(tmp_path, clock, times, holds):
    """One after another, and at the same time; the one that is too late leaves it, too."""
    holds.append(1)
    trigger, first, second = (
        When(lambda: holds, once=True),
        Scheduling(path=tmp_path / "runs"),
        FakeClock(clock.time()),
    )
    with Session(first, clock, executor="inline", inherit=False):
        first.add(times, trigger, id="once")
        other = Scheduling(path=tmp_path / "runs")
        with Session(other, second, executor="inline", inherit=False):
            other.add(times, trigger, id="once")
            assert [len(first.run_pending()), len(other.run_pending())] == [1, 0]
            assert (first.scheduled(), other.scheduled()) == ([], [])
    with Session(first, clock, executor="inline", inherit=False):
        first.add(times, trigger, id="once")
        assert (first.run_pending(), first.scheduled()) == ([], [])


def test_once_that_is_paused_waits_for_its_resume(schedule, clock, times, holds):
    """What became true meanwhile counts from then on."""
    schedule.add(times, When(lambda: holds, once=True), id="when")
    schedule.pause("when")
    assert looks(schedule, clock, holds, 1, 1) == [0, 0]
    schedule.resume("when")
    assert looks(schedule, clock, holds, 1, 1) == [0, 1]


@pytest.mark.parametrize("wrong", [1, "yes", None])
def test_once_is_a_bool(wrong):
    """Refused where it is written."""
    with pytest.raises(TypeError, match="once"):
        When(lambda: True, once=wrong)


def test_the_rule_tells_whether_it_is_once():
    """So that a file of last runs begins anew where that was changed."""
    assert When(print, once=True).rule == "once when print"
    assert When(print).rule == "when print"
