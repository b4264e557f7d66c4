"""Steps of any function, services, recorded values."""

from __future__ import annotations

import asyncio
import functools
import random
import uuid

import pytest
from replaying import Crash, crashed, opened, rows

import pegboard_durable
from pegboard import MissingPlugin, Session, current_call, task
from pegboard_durable import (
    Durability,
    Durable,
    NotInRun,
    UnknownRun,
    UnknownService,
    acall,
    apause,
    asleep,
    astep,
    call,
    checkpointed,
    choice,
    idempotency_key,
    now,
    pause,
    randint,
    randrange,
    run_id,
    signal,
    sleep,
    state,
    step,
    uuid4,
)


class Billing:
    def __init__(self):
        self.charged = []

    def charge(self, data):
        self.charged.append((data, current_call().state[Durability].step_key))
        return {"ref": data}

    async def acharge(self, data):
        return self.charge(data)

    _private = charge


@pytest.mark.parametrize(
    ("function", "value"),
    [
        (len, 3),
        (str.upper, "ABC"),
        (list, ["a", "b", "c"]),
        (functools.partial(int, base=16), 0xABC),
        (lambda x: x, "abc"),
    ],
    ids=["builtin", "method", "class", "partial", "lambda"],
)
def test_any_callable_may_be_a_step(tmp_path, function, value) -> None:
    """Its outcome is recorded under the given name."""

    @task(Durable())
    def root():
        return step("it", function, "abc")

    for _ in range(2):
        with opened(tmp_path) as durability:
            assert durability.run(root, run_id="r").value == value
    assert set(rows(tmp_path)) == {"it#1"}


def test_a_step_takes_options_and_names_with_braces(tmp_path) -> None:
    """The name is no template there."""

    @task(Durable())
    def root():
        return step("a{b}", lambda x, y: x + y, 1, y=2, options=Durable(effect="once"))

    with opened(tmp_path) as durability:
        assert durability.run(root, run_id="r").value == 3
    assert set(rows(tmp_path)) == {"a{b}#1"}


@pytest.mark.parametrize(
    ("arguments", "error"),
    [((1, len, "a"), TypeError), (("", len, "a"), ValueError), (("a", 5), TypeError)],
    ids=["no text", "empty", "no function"],
)
def test_a_step_that_is_none_is_refused(tmp_path, arguments, error) -> None:
    """Where it is written, with the way out."""

    @task(Durable())
    def root():
        step(*arguments)

    with opened(tmp_path) as durability:
        assert isinstance(durability.run(root, run_id="r").error, error)


@pytest.mark.parametrize(
    ("function", "arguments"),
    [
        (step, ("a", len, "")),
        (sleep, (1,)),
        (pause, ("a",)),
        (call, ("billing", "charge")),
        (run_id, ()),
        (idempotency_key, ()),
        (checkpointed, ([],)),
    ],
)
def test_outside_of_a_run_there_is_nothing_to_record_in(tmp_path, function, arguments) -> None:
    """Each says what it needs."""
    with opened(tmp_path), pytest.raises(NotInRun, match="outside of a durable run"):
        function(*arguments)


@pytest.mark.parametrize(
    ("what", "function"),
    [
        ("step", lambda: step("a", len, "")),
        ("sleep", lambda: sleep(1)),
        ("pause", lambda: pause("a")),
        ("call", lambda: call("billing", "charge")),
    ],
)
def test_in_a_coroutine_an_error_names_the_twin(tmp_path, what, function) -> None:
    """What blocks would stop the event loop."""

    @task(Durable())
    async def root():
        function()

    with opened(tmp_path, services={"billing": Billing()}) as durability:
        error = durability.run(root, run_id="r").error
    assert isinstance(error, NotInRun)
    assert f"a{what}()" in str(error)


@pytest.mark.parametrize(
    ("what", "function"),
    [
        ("step", lambda: astep("a", len, "")),
        ("sleep", lambda: asleep(1)),
        ("pause", lambda: apause("a")),
        ("call", lambda: acall("billing", "charge")),
    ],
)
def test_in_a_function_an_error_of_the_twin_names_the_other(tmp_path, what, function) -> None:
    """Nothing there could await it."""

    @task(Durable())
    def root():
        function()

    with opened(tmp_path, services={"billing": Billing()}) as durability:
        error = durability.run(root, run_id="r").error
    assert isinstance(error, NotInRun)
    assert f"call {what}() there" in str(error)


def test_step_of_a_coroutine_function_names_astep(tmp_path) -> None:
    """A function cannot await it."""

    async def later():
        return 1

    @task(Durable())
    def root():
        step("later", later)

    with opened(tmp_path) as durability:
        assert "astep('later'" in str(durability.run(root, run_id="r").error)


def test_the_twins_in_a_coroutine(tmp_path) -> None:
    """They do the same, awaited."""

    async def later(number):
        await asyncio.sleep(0)
        return number

    billing = Billing()

    @task(Durable())
    async def root():
        await asleep(0)
        return (
            await astep("a", later, 1),
            await astep("b", lambda: 2),
            await acall("billing", "charge", 3),
            await acall("billing", "acharge", 4),
        )

    for _ in range(2):
        with opened(tmp_path, services={"billing": billing}) as durability:
            assert durability.run(root, run_id="r").value == (1, 2, {"ref": 3}, {"ref": 4})
    assert billing.charged == [(3, "billing.charge#1"), (4, "billing.acharge#1")]


# Services.


def test_a_call_of_a_service_is_a_step(tmp_path) -> None:
    """It is recorded, and goes to what is registered."""
    billing, crash = Billing(), [True]

    @task(Durable())
    def root():
        value = call("billing", "charge", 5), call("plain", "double", 4)
        if crash[0]:
            raise Crash
        return value

    services = {"billing": billing, "plain": {"double": lambda x: 2 * x}}
    with opened(tmp_path, services=services) as durability:
        crashed(durability, root)
        crash[0] = False
        assert durability.resume("r").value == ({"ref": 5}, 8)
    assert billing.charged == [(5, "billing.charge#1")]


@pytest.mark.parametrize(
    ("service", "method"),
    [("other", "charge"), ("billing", "other"), ("billing", "_private"), ("billing", "charged")],
)
def test_a_service_or_method_that_is_not_there_is_an_error(tmp_path, service, method) -> None:
    """Nothing is recorded; private names and what cannot be called are no methods."""

    @task(Durable())
    def root():
        call(service, method)

    with opened(tmp_path, services={"billing": Billing()}) as durability:
        error = durability.run(root, run_id="r").error
    assert isinstance(error, UnknownService)
    assert (error.service, error.method) == (service, method)
    assert rows(tmp_path) == {}


def test_services_are_a_mapping() -> None:
    """Anything else is refused where it is written."""
    with pytest.raises(TypeError, match="services"):
        Durability("sqlite:///journal.db", services=[Billing()])


# Recorded values.

VALUES = {
    "now": now,
    "uuid4": uuid4,
    "random": pegboard_durable.random,
    "randint": lambda: randint(0, 10**9),
    "randrange": lambda: randrange(10**9),
    "choice": lambda: choice(range(10**9)),
}


@pytest.mark.parametrize("name", VALUES)
def test_a_recorded_value_is_the_same_after_a_resume(tmp_path, name) -> None:
    """The old one returns."""
    seen = []

    @task(Durable())
    def root():
        seen.append([VALUES[name](), VALUES[name]()])
        step("write", len, "")
        if len(seen) == 1:
            raise Crash

    with opened(tmp_path) as durability:
        crashed(durability, root)
        durability.resume("r")
    assert seen[0] == seen[1]
    assert name == "now" or seen[0][0] != seen[0][1]


def test_a_recorded_value_more_shifts_no_other(tmp_path) -> None:
    """Each function has keys of its own."""
    seen = []

    @task(Durable())
    def root():
        if seen:
            now()
            randint(1, 6)
        seen.append(uuid4())
        step("write", len, "")
        if len(seen) == 1:
            raise Crash

    with opened(tmp_path) as durability:
        crashed(durability, root)
        durability.resume("r")
    assert seen[0] == seen[1]


def test_outside_of_a_run_they_are_the_plain_functions() -> None:
    """A seed counts as ever."""
    random.seed(5)
    expected = random.random(), random.randint(1, 100), random.choice("abc"), random.randrange(1, 9, 2)
    random.seed(5)
    assert (pegboard_durable.random(), randint(1, 100), choice("abc"), randrange(1, 9, 2)) == expected
    assert isinstance(uuid4(), uuid.UUID)
    assert abs(now() - pegboard_durable.now()) < 60


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_what_is_handed_to_a_body_is_committed_before_it_begins(tmp_path, kind) -> None:
    """A key that an effect saw is never another one on resume."""
    seen = []

    def effect(given):
        seen.append(given)
        if len(seen) == 1:
            raise Crash

    if kind == "sync":

        @task(Durable())
        def root():
            step("effect", effect, uuid4())
    else:

        @task(Durable())
        async def root():
            await astep("effect", effect, uuid4())

    with opened(tmp_path) as durability:
        crashed(durability, root)
        durability.resume("r")
    assert len(seen) == 2
    assert seen[0] == seen[1]


def test_a_value_drawn_before_a_map_is_committed_before_any_of_its_bodies(tmp_path) -> None:
    """Whichever lane takes it to the journal, the others wait for that."""
    seen = []

    @task(Durable())
    def effect(given, number):
        seen.append((given, rows(tmp_path).get("@uuid4#1")))

    @task(Durable())
    def root():
        given = uuid4()
        effect.map([given] * 8, range(8))

    with opened(tmp_path) as durability:
        durability.run(root, run_id="r")
    assert {row for _, row in seen} == {("value", "ok")}


# Signals from here.


def test_signal_finds_the_journal_of_the_session(tmp_path) -> None:
    """The function does what the method does."""

    @task(Durable())
    def root():
        return pause("go")

    with opened(tmp_path) as durability:
        durability.run(root, run_id="r")
        assert signal("r", "go", 5) is True
        assert durability.resume("r").value == 5
        with pytest.raises(UnknownRun):
            signal("nobody", "go")


def test_a_signal_for_nobody_is_an_error() -> None:
    """Without a session, and in one without a journal."""
    with pytest.raises(NotInRun, match="no session"):
        signal("r", "go")
    with Session(), pytest.raises(MissingPlugin):
        signal("r", "go")


def test_a_signal_that_a_run_sends_is_sent_once(tmp_path) -> None:
    """A replay sends it again under the same id."""
    crash = [True]

    @task(Durable())
    def waits():
        return pause("go"), pause("go")

    @task(Durable())
    def root():
        signal("w", "go", 1)
        if crash[0]:
            raise Crash

    with opened(tmp_path) as durability:
        durability.run(waits, run_id="w")
        crashed(durability, root)
        crash[0] = False
        durability.resume("r")
        assert durability.resume("w").status == "SUSPENDED"  # one signal, two pauses


def test_state_outside_of_a_run_is_nothing() -> None:
    """Neither to read nor to write."""
    with pytest.raises(NotInRun):
        state["a"]
    with pytest.raises(NotInRun):
        state["a"] = 1
