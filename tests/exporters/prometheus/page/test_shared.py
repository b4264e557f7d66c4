"""Work that is shared by all who ask for it meanwhile."""

from __future__ import annotations

import threading

import pytest

from pegboard_prometheus.page.shared import Shared


class Maker:
    """Makes values when it is allowed to."""

    def __init__(self):
        self.made, self.release = [], threading.Event()

    def __call__(self, key):
        self.made.append(key)
        assert self.release.wait(30)
        if key == "bad":
            raise LookupError(key)
        return object()


@pytest.fixture
def maker():
    maker = Maker()
    yield maker
    maker.release.set()


def test_what_is_being_made_is_given_to_all_who_ask(maker):
    """One for each key; who asks when it is done gets a new one."""
    shared = Shared("test-shared", maker)
    asked = [shared.ask("a") for _ in range(10)]
    other = shared.ask("b")
    maker.release.set()
    assert len({id(future.result(30)) for future in asked}) == 1
    assert other.result(30) is not asked[0].result()
    assert shared.ask("a").result(30) is not asked[0].result()
    assert sorted(maker.made) == ["a", "a", "b"]


def test_all_who_ask_are_told_of_an_error_and_the_next_try_is_a_new_one(maker):
    """It does not stay."""
    maker.release.set()
    shared = Shared("test-shared", maker)
    for _ in range(2):
        with pytest.raises(LookupError):
            shared.ask("bad").result(30)
    assert maker.made == ["bad", "bad"]


def test_nobody_who_asks_can_take_it_from_the_others(maker):
    """A client that goes away in the middle cancels what it waits for."""
    shared = Shared("test-shared", maker)
    first, second = shared.ask("a"), shared.ask("a")
    assert not first.cancel()
    maker.release.set()
    assert second.result(30)


def test_no_thread_is_left_when_it_has_settled(maker):
    """So the end of a session leaves none."""
    shared = Shared("test-shared", maker)
    shared.ask("a")
    maker.release.set()
    shared.settle(30)
    assert not [thread for thread in threading.enumerate() if thread.name == "test-shared"]


def test_where_no_thread_is_to_be_had_it_is_made_at_once(maker, monkeypatch):
    """By whoever asks: the process has as many threads as it may, or is at its end."""

    def refuse(thread):
        raise RuntimeError("can't start new thread")

    maker.release.set()
    monkeypatch.setattr(threading.Thread, "start", refuse)
    assert Shared("test-shared", maker).ask("a").done()
