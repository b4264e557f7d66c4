"""All policies on one task: the order in which they take part, and that it does not hang on how they are written down."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pegboard import (
    Breaker,
    Cache,
    Caching,
    Concurrency,
    Dataset,
    Datasets,
    Deadline,
    Fallback,
    Handle,
    Layer,
    Limits,
    NeedsSecrets,
    Option,
    Order,
    RateLimit,
    Recovery,
    Retry,
    Retrying,
    Secrets,
    Session,
    Timeout,
    Timeouts,
    Undo,
    Validate,
    Validation,
    hookimpl,
    hookspecs,
    task,
)
from pegboard.testing import FakeClock, Recorder
from pegboard_secrets import INJECTED

both = pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
TOLD = [name for name in vars(hookspecs) if name.startswith(("before_", "after_", "on_"))]


class Journal:
    """Emits a line when a call comes in and when it goes out, outside of everything else."""

    name = "journal"

    def __init__(self, log: list[str]) -> None:
        self.log = log

    @hookimpl
    def bind(self) -> Layer:
        async def run(call, proceed):
            self.log.append("journal in")
            try:
                return await proceed(call)
            finally:
                self.log.append("journal out")

        return Layer("journal", Order.JOURNAL, run)


class Effects:
    """What one task with every policy does, in the order in which it does it."""

    def __init__(self, folder, failures: int, error: type[Exception] = OSError) -> None:
        self.log: list[str] = []
        self.folder = folder
        self.failures = failures
        self.error = error
        self.runs = 0
        self.clock = FakeClock()

    def options(self) -> list[Option]:
        """Every policy, in no order that means anything."""
        return [
            Validate(inputs=True, output=dict),
            NeedsSecrets("API_KEY"),
            Timeout(60),
            RateLimit("1000/s"),
            Breaker(failures=50),
            Retry(2, wait=1, on=(OSError, ValueError)),
            Deadline(600),
            Concurrency(2),
            Dataset("out/{x}.json"),
            Cache(ttl=60),
            Handle(KeyError, lambda error: {"handled": True}),
            Fallback(self.fall_back),
            Undo(lambda x: self.log.append("undo")),
        ]

    def fall_back(self, x: int) -> dict[str, int]:
        self.log.append("fallback")
        return {"fallback": x}

    def task(self, *options: Option, is_async: bool):
        """Make the task; it fails so many times, and then returns a dict."""

        def body(x: int, *, secrets: Mapping[str, str] = INJECTED) -> dict[str, int]:
            self.runs += 1
            self.log.append(f"body {sorted(secrets)}")
            if self.runs <= self.failures:
                raise self.error
            return {"x": x}

        async def abody(x: int, *, secrets: Mapping[str, str] = INJECTED) -> dict[str, int]:
            await asyncio.sleep(0)
            return body(x, secrets=secrets)

        return task(*(options or self.options()), name="probe")(abody if is_async else body)

    def plugins(self) -> list[object]:
        """Every plugin, in no order that means anything."""
        return [
            self.clock,
            Journal(self.log),
            Secrets({"API_KEY": "canary-8f2"}),
            Retrying(),
            Recovery(),
            Datasets(self.folder),
            Caching(),
            Timeouts(),
            Limits(),
            Validation(),
            Telling(self.log),
        ]


class Telling:
    """Writes every event of a call into the log of effects."""

    name = "telling"

    def __init__(self, log: list[str]) -> None:
        self.log = log
        recorder = Recorder("told")
        self.recorder = recorder
        for name in TOLD:
            if hasattr(recorder, name):
                setattr(self, name, self._forward(name))

    def _forward(self, name: str):
        told = getattr(self.recorder, name)

        def forward(**details):
            told(**details)
            self.log.append(str(self.recorder.events[-1]))

        parameters = ", ".join(told.__code__.co_varnames[1 : told.__code__.co_argcount])
        made: dict[str, object] = {"forward": forward}
        arguments = ", ".join(f"{each}={each}" for each in parameters.split(", "))
        exec(f"def {name}({parameters}): forward({arguments})", made)  # an observer asks for what it names
        return hookimpl(made[name])

    @hookimpl(optionalhook=True)
    def on_dataset_save(self, key: str) -> None:
        self.log.append(f"dataset {key}")


def short(log: list[str]) -> list[str]:
    """The log without keys of the cache, which are hashes."""
    return [" ".join(line.split()[:1]) if line.startswith("on_cache") else line for line in log]


ORDER = [
    (100, "journal"),
    (199, "undo"),
    (200, "recover"),
    (300, "cache"),
    (350, "datasets"),
    (400, "limits"),
    (450, "validate"),
    (500, "deadline"),
    (600, "retry"),
    (700, "limits"),
    (750, "limits"),
    (800, "timeout"),
    (900, "secrets"),
    (950, "validate"),
]


@both
def test_explain_shows_the_whole_order(is_async: bool, tmp_path) -> None:
    """Fourteen layers of nine policies, from the outermost in."""
    effects = Effects(tmp_path, failures=0)
    with Session(*effects.plugins()) as session:
        assert list(session.explain(effects.task(is_async=is_async)).layers) == ORDER


SCENARIOS = {
    "two failures, then a value": (
        2,
        OSError,
        [
            "before_execute",
            "journal in",
            "on_cache_miss",
            "before_attempt 1",
            "body ['API_KEY']",
            "after_attempt 1 OSError",
            "on_retry 1 OSError 1",
            "before_attempt 2",
            "body ['API_KEY']",
            "after_attempt 2 OSError",
            "on_retry 2 OSError 1",
            "before_attempt 3",
            "body ['API_KEY']",
            "after_attempt 3",
            "dataset out/1.json",
            "journal out",
            "after_execute ok/run 3",
        ],
    ),
    "a failure that a handler answers": (
        9,
        KeyError,
        [
            "before_execute",
            "journal in",
            "on_cache_miss",
            "before_attempt 1",
            "body ['API_KEY']",
            "after_attempt 1 KeyError",
            "journal out",
            "after_execute ok/fallback 1",
        ],
    ),
    "a failure that the fallback answers": (
        9,
        TypeError,
        [
            "before_execute",
            "journal in",
            "on_cache_miss",
            "before_attempt 1",
            "body ['API_KEY']",
            "after_attempt 1 TypeError",
            "fallback",
            "journal out",
            "after_execute ok/fallback 1",
        ],
    ),
}


@both
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_events_and_effects_come_in_the_documented_sequence(is_async: bool, scenario: str, tmp_path) -> None:
    """Cache, then the retries, then dataset and cache; the journal around them, the beginning and end around all."""
    failures, error, expected = SCENARIOS[scenario]
    effects = Effects(tmp_path, failures, error)
    with Session(*effects.plugins()):
        effects.task(is_async=is_async).run(1)
    assert short(effects.log) == expected


@both
def test_a_second_call_is_a_hit(is_async: bool, tmp_path) -> None:
    """No body, no attempt, no dataset; the value and the key are the first call's."""
    effects = Effects(tmp_path, failures=2)
    probe = effects.task(is_async=is_async)
    with Session(*effects.plugins()):
        first = probe.run(1)
        keys = [line for line in effects.log if line.startswith("on_cache_miss")]
        effects.log.clear()
        second = probe.run(1)
    assert first.value == second.value == {"x": 1}
    assert effects.log == [
        "before_execute",
        "journal in",
        keys[0].replace("miss", "hit"),
        "journal out",
        "after_execute ok/cache 0",
    ]
    assert json.loads((tmp_path / "out" / "1.json").read_text()) == {"x": 1}


@both
def test_a_failure_for_good(is_async: bool, tmp_path) -> None:
    """Without a recovery the last exception leaves, is told once, and nothing is stored; the undo is last."""
    effects = Effects(tmp_path, failures=9)
    options = [each for each in effects.options() if not isinstance(each, Fallback | Handle)]
    probe = effects.task(*options, is_async=is_async)
    with Session(*effects.plugins()):
        result = probe.run(1)
        assert isinstance(result.error, OSError)
        tail = effects.log[-5:]
        assert tail == [
            "after_attempt 3 OSError",
            "undo",
            "journal out",
            "on_error OSError",
            "after_execute error/run 3",
        ]
        effects.log.clear()
        effects.failures = 0
        assert probe.run(1).source == "run"  # nothing was cached
    assert effects.runs == 4


@both
@pytest.mark.parametrize("is_last", [False, True], ids=["retried", "for good"])
def test_a_wrong_output_is_a_failed_attempt(is_async: bool, is_last: bool, tmp_path) -> None:
    """It is retried, and never saved nor cached."""
    runs = []

    def body(x: int) -> object:
        runs.append(x)
        return "no dict" if is_last or len(runs) < 2 else {"x": x}

    async def abody(x: int) -> object:
        return body(x)

    options = [Retry(1), Validate(output=dict), Dataset("{x}.json"), Cache()]
    probe = task(*options)(abody if is_async else body)
    with Session(Datasets(tmp_path)):
        result = probe.run(1)
    assert len(runs) == 2
    assert (result.status == "error") == is_last
    assert [path.name for path in tmp_path.rglob("*.json")] == ([] if is_last else ["1.json"])


@both
def test_a_wrong_input_reaches_nothing(is_async: bool, tmp_path) -> None:
    """No attempt, no retry, no secret; only what stands outside of it sees the call."""
    effects = Effects(tmp_path, failures=0)
    options = [each for each in effects.options() if not isinstance(each, Fallback | Handle | Undo)]
    with Session(*effects.plugins()):
        result = effects.task(*options, is_async=is_async).run("no number")
    assert result.status == "error"
    assert result.attempts == 0
    assert effects.runs == 0


POLICIES = {
    "cache": lambda: Cache(ttl=60),
    "retry": lambda: Retry(3, wait=1),
    "timeout": lambda: Timeout(60),
    "deadline": lambda: Deadline(600),
    "validate": lambda: Validate(inputs=True, output=int),
    "breaker": lambda: Breaker(failures=50),
    "rate": lambda: RateLimit("1000/s"),
    "concurrency": lambda: Concurrency(5),
    "fallback": lambda: Fallback(-1),
    "handle": lambda: Handle(ZeroDivisionError, lambda error: -2),
    "secrets": lambda: NeedsSecrets("API_KEY"),
    "dataset": lambda: Dataset("{x}.json"),
}
ATTACHED = {
    "cache": Caching,
    "retry": Retrying,
    "timeout": Timeouts,
    "validate": Validation,
    "limits": Limits,
    "recover": Recovery,
}


def outcome_of(names: list[str], attached: list[str], failures: int, folder, *, is_async: bool) -> tuple:
    """Call twice with these options in this order and these plugins in that: what a caller sees, and how often it ran."""
    runs = []

    def body(x: int, **_: object) -> int:
        runs.append(x)
        if len(runs) <= failures:
            raise OSError
        return x * 2

    async def abody(x: int, **_: object) -> int:
        return body(x)

    probe = task(*(POLICIES[name]() for name in names), name="probe")(abody if is_async else body)
    plugins = [FakeClock(), Secrets({"API_KEY": "canary-8f2"}), Datasets(folder)]
    with Session(*plugins, *(ATTACHED[name]() for name in attached)):
        results = [probe.run(4) for _ in range(2)]
    return [(r.status, r.source, r.value, type(r.error), r.attempts) for r in results], len(runs)


@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
@given(
    names=st.lists(st.sampled_from(sorted(POLICIES)), unique=True),
    attached=st.lists(st.sampled_from(sorted(ATTACHED)), unique=True),
    failures=st.integers(0, 5),
    data=st.data(),
)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_order_of_options_and_plugins_means_nothing(
    is_async: bool, names: list[str], attached: list[str], failures: int, data: st.DataObject, tmp_path
) -> None:
    """Any subset of options, written and attached in any order, gives the same outcome."""
    written = data.draw(st.permutations(names))
    hung = data.draw(st.permutations(attached))
    one = outcome_of(sorted(names), sorted(attached), failures, tmp_path, is_async=is_async)
    other = outcome_of(written, hung, failures, tmp_path, is_async=is_async)
    assert one == other


@given(names=st.lists(st.sampled_from(sorted(POLICIES)), unique=True), failures=st.integers(0, 5))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_sync_and_async_do_the_same(names: list[str], failures: int, tmp_path) -> None:
    """One layer serves both colours, so their outcomes are equal."""
    outcomes = [outcome_of(names, [], failures, tmp_path, is_async=is_async) for is_async in (False, True)]
    assert outcomes[0] == outcomes[1]
