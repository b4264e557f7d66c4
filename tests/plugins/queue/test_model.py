"""Whatever is done in whatever order, the manager agrees with a model of a few lines."""

from __future__ import annotations

import threading
import time

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from pegboard import Session, hookimpl, task
from pegboard_queue import (
    ENDED,
    TRANSITIONS,
    IllegalTransition,
    Item,
    QueueError,
    State,
    TaskManager,
    current_item,
)

S = State
GATES: dict[Item, tuple[threading.Event, list[bool]]] = {}


@task
def body() -> None:
    gate, fails = GATES[current_item()]
    gate.wait(20)
    gate.clear()
    if fails.pop():
        raise ValueError


class Changes:
    name = "changes"

    def __init__(self) -> None:
        self.told: list[tuple[Item, State, State]] = []

    @hookimpl(optionalhook=True)
    def on_item_change(self, item, old, new) -> None:
        self.told.append((item, old, new))


class Model(RuleBasedStateMachine):
    """Item numbers are positions in `items`; `bodies` are the functions that hold a slot."""

    def __init__(self) -> None:
        super().__init__()
        self.changes = Changes()
        self.session = Session(self.changes, inherit=False)
        self.session.__enter__()
        self.manager = TaskManager(2)
        self.items: list[Item] = []
        self.state: list[State] = []
        self.behind: list[set[int]] = []
        self.bodies: set[int] = set()

    # what is done

    @rule(data=st.data(), priority=st.integers(-2, 2))
    def submit(self, data, priority: int) -> None:
        known = range(len(self.items))
        depends_on = data.draw(st.sets(st.sampled_from(known), max_size=3)) if known else set()
        item = Item(body, priority=priority)
        GATES[item] = (threading.Event(), [])
        self.items.append(item)
        self.behind.append(depends_on)
        self.state.append(S.WAITING)
        self.flow()
        self.manager.submit(item, depends_on=[self.items[each] for each in depends_on])

    @precondition(lambda self: self.bodies)
    @rule(data=st.data(), fails=st.booleans())
    def finish(self, data, fails: bool) -> None:
        index = data.draw(st.sampled_from(sorted(self.bodies)))
        if self.state[index] is S.RUNNING:
            self.state[index] = S.FAILED if fails else S.COMPLETED
        self.bodies.discard(index)
        self.flow()
        gate, outcomes = GATES[self.items[index]]
        outcomes.append(fails)
        gate.set()

    @precondition(lambda self: self.items)
    @rule(data=st.data(), what=st.sampled_from(["cancel", "retry", "pause", "resume"]))
    def steer(self, data, what: str) -> None:
        index = data.draw(st.sampled_from(range(len(self.items))))
        item, state = self.items[index], self.state[index]
        legal = {
            "cancel": state not in ENDED,
            "retry": state is S.FAILED,
            "pause": state in (S.WAITING, S.READY),
            "resume": state is S.PAUSED,
        }[what]
        if not legal:
            with pytest.raises(IllegalTransition):
                getattr(item, what)()
            return
        after = {"cancel": S.CANCELLED, "retry": S.READY, "pause": S.PAUSED, "resume": S.WAITING}
        self.state[index] = after[what]
        self.flow()
        getattr(item, what)()

    @precondition(lambda self: S.FAILED in self.state)
    @rule(data=st.data())
    def revive(self, data) -> None:
        failed = [index for index, state in enumerate(self.state) if state is S.FAILED]
        index = data.draw(st.sampled_from(failed))
        found: set[int] = {index}
        for each in range(len(self.items)):  # what is behind another one was submitted after it
            if self.state[each] is S.SKIPPED and self.behind[each] & found:
                found.add(each)
        bad = {S.FAILED, S.CANCELLED, S.SKIPPED}
        while barred := {
            each
            for each in found - {index}
            if any(self.state[other] in bad and other not in found for other in self.behind[each])
        }:
            found -= barred
        for each in found:
            self.state[each] = S.READY if each == index else S.WAITING
        self.flow()
        self.items[index].retry(dependants=True)

    @precondition(lambda self: self.items)
    @rule(data=st.data(), priority=st.integers(-2, 2))
    def prioritize(self, data, priority: int) -> None:
        index = data.draw(st.sampled_from(range(len(self.items))))
        if self.state[index] in (S.WAITING, S.READY, S.PAUSED):
            self.items[index].priority = priority
            return
        with pytest.raises(QueueError):
            self.items[index].priority = priority

    # what follows

    def flow(self) -> None:
        changed = True
        while changed:
            changed = False
            for index, state in enumerate(self.state):
                before = {self.state[each] for each in self.behind[index]}
                if state in (S.WAITING, S.PAUSED) and before & {S.FAILED, S.CANCELLED, S.SKIPPED}:
                    self.state[index], changed = S.SKIPPED, True
                elif state is S.WAITING and before <= {S.COMPLETED}:
                    self.state[index], changed = S.READY, True
        ready = [index for index, state in enumerate(self.state) if state is S.READY]
        for index in sorted(ready, key=lambda each: (-self.items[each].priority, each)):
            if len(self.bodies) < 2:
                self.state[index] = S.RUNNING
                self.bodies.add(index)

    @invariant()
    def agrees(self) -> None:
        end = time.monotonic() + 5
        while (seen := [item.state for item in self.items]) != self.state and time.monotonic() < end:
            time.sleep(0.0005)
        assert seen == self.state
        counts = self.manager.statistics()
        assert sum(counts.by_state.values()) == counts.submitted == len(self.items)

    def teardown(self) -> None:
        for gate, outcomes in (GATES[item] for item in self.items):
            outcomes.append(False)
            gate.set()
        self.manager.close(cancel=True)
        self.session.__exit__(None, None, None)
        paths: dict[Item, list[State]] = {item: [S.PENDING] for item in self.items}
        for item, old, new in self.changes.told:
            assert paths[item][-1] is old
            assert new in TRANSITIONS[old]
            paths[item].append(new)
        for item, path in paths.items():
            assert path[-1] is item.state
            assert not (item.state is S.SKIPPED and S.RUNNING in path)
            GATES.pop(item)


TestModel = Model.TestCase
TestModel.settings = settings(
    max_examples=60, stateful_step_count=20, deadline=None, suppress_health_check=list(HealthCheck)
)
