"""Secrets in the hands of tasks of all kinds."""

from __future__ import annotations

import asyncio
import copy
import pickle

import pytest

from pegboard import BindError, Layer, Order, Session, current_call, hookimpl, task
from pegboard.testing import Recorder, check_plugin, reset_default_session
from pegboard_secrets import (
    INJECTED,
    Environment,
    MissingSecrets,
    NeedsSecrets,
    Secrets,
    SecretsUnavailable,
    SecretValues,
    secret,
)

CANARY = "canary-8f2"
NEEDS = NeedsSecrets("API_KEY")


@task(NEEDS)
def function(x, *, secrets=INJECTED):
    return x, secrets["API_KEY"]


@task(NEEDS)
async def coroutine(x, *, secrets=INJECTED):
    await asyncio.sleep(0)
    return x, secrets["API_KEY"]


@task(NEEDS)
def generator(x, *, secrets=INJECTED):
    yield x
    yield secrets["API_KEY"]


@task(NEEDS)
async def async_generator(x, *, secrets=INJECTED):
    yield x
    yield secrets["API_KEY"]


all_kinds = pytest.mark.parametrize(
    "probe", [function, coroutine, generator, async_generator], ids=lambda t: t.kind
)


class Slow:
    """A provider that counts how often it is asked."""

    def __init__(self, **values: str) -> None:
        self.values = values
        self.asked: list[str] = []

    def get(self, key: str) -> str | None:
        self.asked.append(key)
        return self.values.get(key)


@all_kinds
@pytest.mark.parametrize("provider", [{"API_KEY": CANARY}, Slow(API_KEY=CANARY)], ids=["quick", "io"])
def test_secrets_are_handed_over(probe, provider) -> None:
    """As the keyword `secrets`, a mapping of plain strings."""
    with Session(Secrets(provider)):
        assert tuple(probe.run(5).unwrap()) == (5, CANARY)


@all_kinds
def test_missing_secrets_are_named_all_at_once(probe) -> None:
    """Before the first attempt, and the body does not run."""
    recorder = Recorder()
    needy = probe.with_options(NeedsSecrets("ONE", "API_KEY", "TWO"))
    with Session(recorder, Secrets({"API_KEY": CANARY})):
        result = needy.run(5)
    assert isinstance(result.error, MissingSecrets)
    assert result.error.keys == ("ONE", "TWO")
    assert result.attempts == 0
    assert not result.error.retryable
    assert "before_attempt 1" not in recorder.log()
    assert CANARY not in str(result.error)


def test_a_wrong_call_asks_nobody() -> None:
    """Arguments are looked at first."""
    provider = Slow(API_KEY=CANARY)
    with Session(Secrets(provider)), pytest.raises(TypeError, match="x"):
        function()
    assert provider.asked == []


def test_they_are_fetched_once_per_call() -> None:
    """Two calls ask twice, two attempts of one call once."""

    class Twice:
        name = "twice"

        @hookimpl
        def bind(self) -> Layer:
            async def run(call, proceed):
                await proceed(call)
                return await proceed(call)

            return Layer("twice", Order.RETRY, run)

    provider = Slow(API_KEY=CANARY)
    with Session(Secrets(provider), Twice()):
        function(1)
        function(2)
    assert provider.asked == ["API_KEY", "API_KEY"]


def test_the_first_provider_that_has_a_key_answers() -> None:
    """The others are not asked."""
    second = Slow(API_KEY="second", OTHER="other")
    with Session(Secrets([{"API_KEY": "first"}, second])):
        assert secret("API_KEY") == "first"
        assert secret("OTHER") == "other"
    assert second.asked == ["OTHER"]


def test_they_are_no_inputs() -> None:
    """`call.inputs`, and so cache keys and journals, do not have them."""
    seen = []

    class Looks:
        name = "looks"

        @hookimpl
        def before_execute(self, call):
            seen.append((dict(call.inputs), call.kwargs))

    with Session(Looks(), Secrets({"API_KEY": CANARY})):
        function(5)
    assert seen == [({"x": 5}, {})]


def test_a_caller_may_hand_over_secrets_itself() -> None:
    """For a test of the task: then nobody is asked."""
    with Session(Secrets({})):
        assert function(5, secrets={"API_KEY": "mine"}) == (5, "mine")


def test_a_fetched_secret_is_known_to_the_session() -> None:
    """Whoever records a text can mask it; `secret()` makes it known too."""
    with Session(Secrets({"API_KEY": CANARY, "OTHER": "canary-9a1"})) as session:
        assert session.masks.mask(f"key {CANARY}") == f"key {CANARY}"
        function(5)
        assert session.masks.mask(f"key {CANARY}") == "key ***"
        secret("OTHER")
        assert session.masks.found_in("canary-9a1")


def test_a_short_secret_is_told_once(caplog) -> None:
    """It cannot be masked, and the log says so by its name."""
    with Session(Secrets({"API_KEY": "abc"})):
        function(1)
        function(2)
    assert caplog.text.count("API_KEY is too short") == 1
    assert "abc" not in caplog.text


def test_a_lookup_gives_none_for_a_missing_key(monkeypatch) -> None:
    """Inside a task and outside of any session, where the environment answers."""
    monkeypatch.setenv("PEGBOARD_TEST_SECRET", CANARY)

    @task
    def looks_up() -> tuple[str | None, str | None]:
        return secret("API_KEY"), secret("NOTHING")

    with Session(Secrets({"API_KEY": CANARY})):
        assert looks_up() == (CANARY, None)
    assert secret("PEGBOARD_TEST_SECRET") == CANARY
    assert secret("PEGBOARD_TEST_NOTHING") is None
    assert current_call() is None


def test_the_option_brings_the_plugin(monkeypatch) -> None:
    """Without `Secrets(...)` on the session, the environment is asked."""
    monkeypatch.setenv("API_KEY", CANARY)
    with Session():
        assert function(5) == (5, CANARY)


def test_a_provider_that_cannot_be_asked() -> None:
    """Its error is the call's, and another attempt may help."""

    class Locked:
        def get(self, key: str) -> str | None:
            raise SecretsUnavailable("locked", provider="locked")

    with Session(Secrets(Locked())), pytest.raises(SecretsUnavailable) as caught:
        function(1)
    assert caught.value.retryable


@pytest.mark.parametrize("show", [repr, str, "{}".format, lambda values: f"{values!r}"])
def test_printed_they_show_their_names_alone(show) -> None:
    """A mapping of secrets in a log line gives nothing away."""
    assert show(SecretValues({"API_KEY": CANARY})) == "<secrets API_KEY>"


@pytest.mark.parametrize("take", [pickle.dumps, copy.copy, copy.deepcopy])
def test_they_cannot_be_taken_elsewhere(take) -> None:
    """Neither pickled nor copied."""
    with pytest.raises(TypeError, match="cannot be pickled or copied"):
        take(SecretValues({"API_KEY": CANARY}))


@pytest.mark.parametrize(
    "plugin", [Secrets({"API_KEY": CANARY}), Secrets([{"API_KEY": CANARY}, "environment"])]
)
def test_the_plugin_shows_no_value(plugin) -> None:
    """Its repr says where secrets come from."""
    assert CANARY not in repr(plugin)
    assert "values given in code" in repr(plugin)


@pytest.mark.parametrize(
    "keys", [(), ("",), ("a b",), ("../x",), ("a/../b",), ("x\n",), ("/etc",), ("k" * 129,), ("a\0",), ("é",)]
)
def test_a_key_that_could_lead_elsewhere_is_refused(keys) -> None:
    """At decoration, and in a lookup."""
    with pytest.raises(ValueError, match="secret"):
        NeedsSecrets(*keys)
    if keys:
        with pytest.raises(ValueError, match="cannot name a secret"):
            secret(*keys)


def test_a_key_is_a_text() -> None:
    """Anything else is a TypeError."""
    with pytest.raises(TypeError, match="is a str"):
        NeedsSecrets(3)


@pytest.mark.parametrize(
    ("body", "match"),
    [(lambda x: x, "has no parameter"), (lambda secrets, x: x, "keyword-only")],
    ids=["nowhere", "in front"],
)
def test_a_function_has_a_place_for_them(body, match: str) -> None:
    """A keyword-only parameter, or the error says what to write; at decoration, or for a default option at the first call."""
    with pytest.raises(TypeError, match=match):
        task(NEEDS)(body)
    with Session(Secrets({}), defaults=[NEEDS]), pytest.raises(BindError, match=match):
        task(body)(1)


def test_a_function_that_takes_any_keyword_has_a_place() -> None:
    """`**options` takes the secrets too."""

    @task(NEEDS)
    def anything(**options):
        return options["secrets"]["API_KEY"]

    with Session(Secrets({"API_KEY": CANARY})):
        assert anything() == CANARY


@pytest.mark.parametrize("provider", [3, None, [3], object()])
def test_what_is_no_provider_is_refused(provider) -> None:
    """When the plugin is made."""
    with pytest.raises(TypeError, match="takes providers"):
        Secrets(provider)


def test_manners() -> None:
    """The plugin keeps to what every plugin promises."""
    check_plugin(lambda: Secrets({"API_KEY": CANARY}))


def test_the_default_of_a_parameter_can_be_taken_anywhere() -> None:
    """It holds nothing, and comes back as itself; so it can be part of a cache's key."""
    assert pickle.loads(pickle.dumps(INJECTED)) is INJECTED


def test_a_class_is_no_provider() -> None:
    """The error asks whether the parentheses were forgotten."""
    with pytest.raises(TypeError, match="forget the parentheses"):
        Secrets(Environment)


async def _later(key: str) -> str:
    return key


@pytest.mark.parametrize("get", [lambda key: 3, lambda key: b"x", _later], ids=["int", "bytes", "async"])
def test_a_provider_gives_texts(get) -> None:
    """Anything else is an error that names the provider, and never the value."""

    class Odd:
        def __str__(self) -> str:
            return "odd"

    provider = Odd()
    provider.get = get
    with Session(Secrets(provider)), pytest.raises(TypeError, match="provider of secrets odd gave"):
        function(1)


def test_a_lookup_outside_of_any_session_asks_the_configured_providers(tmp_path, monkeypatch) -> None:
    """The process-wide default session serves it, as it serves a task."""
    (tmp_path / "pegboard.toml").write_text(
        'plugins = ["secrets"]\n[settings.secrets]\nproviders = ["dotenv:.env"]\n'
    )
    (tmp_path / ".env").write_text(f"API_KEY={CANARY}\n")
    monkeypatch.chdir(tmp_path)
    reset_default_session()
    try:
        assert secret("API_KEY") == CANARY
        assert function(5) == (5, CANARY)
    finally:
        monkeypatch.undo()
        reset_default_session()
