"""Events of the plugin's own: inside calls and outside of them."""

from __future__ import annotations

import pytest

from pegboard import Session, current_call, hookimpl, task
from pegboard_datasets import Datasets


def test_saving_and_loading_outside_of_calls_is_told_without_a_call(datasets, events) -> None:
    """Key, format and size; the call is None."""
    with Session(datasets, events, inherit=False, strict=True):
        datasets.save("a.json", [1])
        datasets.load("a.json")
        ref = datasets.persist([1, 2])
        datasets.load(ref)
        ref.load()
    assert events.told == [
        ("save", None, "a.json", "json", 3),
        ("load", None, "a.json", "json", 3),
        ("save", None, ref.key, "json", 5),
        ("load", None, ref.key, "json", 5),
        ("load", None, ref.key, "json", 5),
    ]


def test_inside_a_call_the_call_is_told(datasets, events) -> None:
    """What a task's body saves and loads is told as part of its call."""
    calls = []

    @task
    def work():
        calls.append(current_call())
        datasets.save("a.json", [1])
        return datasets.load("a.json")

    with Session(datasets, events, inherit=False, strict=True):
        work()
    assert events.told == [("save", calls[0], "a.json", "json", 3), ("load", calls[0], "a.json", "json", 3)]


def test_nothing_is_told_where_nobody_could_listen(datasets) -> None:
    """Outside of sessions, and in a session without datasets, saving works all the same."""
    datasets.save("a.json", [1])
    with Session(inherit=False):
        assert datasets.load("a.json") == [1]
        assert task(lambda: datasets.load("a.json"))() == [1]


def test_nothing_is_told_of_a_failure(datasets, events) -> None:
    """An event says that a value was written or read."""
    with Session(datasets, events, inherit=False):
        for use in (lambda: datasets.load("no.json"), lambda: datasets.save("a.txt", 1)):
            with pytest.raises(LookupError):
                use()
    assert events.told == []


class Faulty:
    """Fails whenever something is saved."""

    name = "faulty"

    def __init__(self, error):
        self.error = error

    @hookimpl
    def on_dataset_save(self, key):
        raise self.error


def test_an_observer_that_fails_changes_nothing(datasets, events, caplog) -> None:
    """It is counted and logged once, and the others are told."""
    with Session(datasets, events, Faulty(ValueError("x")), inherit=False) as session:
        datasets.save("a.json", [1])
        datasets.save("b.json", [1])
    assert session.observer_errors == {("faulty", "on_dataset_save"): 2}
    assert [key for _, _, key, _, _ in events.told] == ["a.json", "b.json"]
    assert len(caplog.records) == 1


def test_a_strict_session_raises_what_an_observer_did(datasets) -> None:
    """For tests; the value is saved all the same."""
    with Session(datasets, Faulty(ValueError("x")), inherit=False, strict=True):
        with pytest.raises(ValueError, match="x"):
            datasets.save("a.json", [1])
        assert datasets.exists("a.json")


def test_a_keyboard_interrupt_goes_on(datasets) -> None:
    """As in every observer."""
    with Session(datasets, Faulty(KeyboardInterrupt()), inherit=False), pytest.raises(KeyboardInterrupt):
        datasets.save("a.json", [1])


def test_events_show_no_value(datasets, events) -> None:
    """Names, types and sizes only."""
    with Session(datasets, events, inherit=False):
        datasets.save("a.json", {"canary": "canary"})
        datasets.persist("canary")
    assert "canary" not in repr(events.told)


def test_an_observer_of_these_events_needs_the_plugin(events) -> None:
    """Attached before it, the hook would be unknown: the plugin comes first, or the hook is optional."""
    with Session(Datasets("x"), events, inherit=False) as session:
        assert {"on_dataset_save", "on_dataset_load"} <= set(session.events)
