"""Values and errors, and what nobody may read."""

from __future__ import annotations

import sqlite3
import sys
import types
from contextlib import closing

import pytest
from cryptography.fernet import Fernet
from replaying import Crash, crashed, opened

from pegboard import BindError, ConfigError, Secret, Session, task
from pegboard_durable import (
    Durability,
    Durable,
    JournalSealed,
    RecordedError,
    Status,
    pause,
    state,
    step,
)
from pegboard_durable._codec import decode_error, encode_error

CANARY = "canary-7f3a"


class PickyError(Exception):
    """Takes more than its arguments say."""

    def __init__(self, code, *, why):
        super().__init__(f"{code}: {why}")
        self.code = code


def again(error):
    return decode_error(encode_error(error))


def test_an_error_is_its_class_arguments_text_and_notes() -> None:
    """All of that comes back."""
    error = KeyError("a", 1)
    error.add_note("note")
    found = again(error)
    assert (type(found), found.args, found.__notes__) == (KeyError, ("a", 1), ["note"])


def test_an_error_is_made_without_its_constructor() -> None:
    """It may want what nobody recorded."""
    found = again(PickyError(5, why="no"))
    assert (type(found), str(found)) == (PickyError, "5: no")


def test_an_error_whose_class_is_not_loaded_is_a_recorded_error() -> None:
    """Nothing is imported on behalf of a row."""
    module = types.ModuleType("not_there_later")
    exec("class Odd(Exception): pass", module.__dict__)
    module.Odd.__module__ = "not_there_later"
    sys.modules["not_there_later"] = module
    data = encode_error(module.Odd("x"))
    del sys.modules["not_there_later"]
    found = decode_error(data)
    assert isinstance(found, RecordedError)
    assert (found.type, found.message) == ("not_there_later:Odd", "x")
    assert "not_there_later" not in sys.modules


@pytest.mark.parametrize(
    "named", ["builtins:SystemExit", "os:system", "builtins:dict", "builtins:BaseException", "os:path.x"]
)
def test_a_row_that_names_anything_else_runs_no_code(named) -> None:
    """Only a class of Exceptions is made again."""
    from pegboard_durable._codec import exact_values

    module, qualname = named.split(":")
    data = exact_values().dump((module, qualname, ("rm -rf /",), "text", (), {}))
    found = decode_error(data)
    assert (type(found), found.type) == (RecordedError, named)


def test_what_an_error_holds_that_cannot_be_recorded_is_named() -> None:
    """The rest of it is kept."""
    assert again(ValueError("a", object())).args == ("a", "<object>")


def test_a_group_of_errors_comes_back_with_its_members() -> None:
    """Of their own classes."""
    found = again(ExceptionGroup("two", [KeyError("a"), ExceptionGroup("one", [OSError(2, "no")])]))
    assert (found.message, type(found.exceptions[0]), found.exceptions[1].exceptions[0].errno) == (
        "two",
        KeyError,
        2,
    )


# Sensitive tasks.


@task(Durable(), sensitive=True)
def secret_step(text):
    if text.endswith("!"):
        raise ValueError(text)
    return text


def test_a_sensitive_step_is_refused_without_a_key(tmp_path) -> None:
    """Where it is bound; the way out is said."""
    with opened(tmp_path), pytest.raises(BindError, match="key="):
        secret_step(CANARY)


def test_a_sensitive_default_is_refused_without_a_key(tmp_path) -> None:
    """Also where a session makes every task a step."""

    @task(sensitive=True)
    def plain():
        return 1

    durability = Durability(f"sqlite:///{tmp_path / 'journal.db'}")
    with Session(durability, defaults=[Durable()]), pytest.raises(BindError):
        plain()


def test_with_a_key_nothing_of_a_sensitive_run_is_in_any_file(tmp_path) -> None:
    """Neither arguments, results, errors, states, signals nor their digests."""

    @task(Durable(), sensitive=True)
    def root(text):
        state["kept"] = text
        secret_step(text)
        try:
            secret_step(text + "!")
        except ValueError as error:
            kept = str(error)
        answer = pause("go")
        if answer == text and not crash[0]:
            return kept, answer
        raise Crash

    crash = [True]
    key = Fernet.generate_key()
    with opened(tmp_path, key=key) as durability:
        durability.run(root, CANARY, run_id="r")
        durability.signal("r", "go", CANARY)
        with pytest.raises(Crash):
            durability.resume("r")
        crash[0] = False
        assert durability.resume("r").value == (f"{CANARY}!", CANARY)
        for file in tmp_path.iterdir():
            assert CANARY.encode() not in file.read_bytes()
        with closing(sqlite3.connect(tmp_path / "journal.db")) as connection:
            digests = [row[0] for row in connection.execute("select digest from pegboard_steps")]
        assert all(not each or each.startswith("sealed") for each in digests)


def test_arguments_are_compared_where_they_are_encrypted(tmp_path) -> None:
    """A divergence is one with a key, too."""
    given, crash = [1], [True]

    @task(Durable())
    def root():
        step("one", abs, given[0])
        if crash[0]:
            raise Crash

    with opened(tmp_path, key=Fernet.generate_key()) as durability:
        crashed(durability, root)
        given[0], crash[0] = 2, False
        assert durability.resume("r").status == Status.ATTENTION


def test_keys_may_be_changed(tmp_path) -> None:
    """The first encrypts, all decrypt; what was written without a key is read as it is."""

    @task(Durable())
    def root(number):
        return number, pause("go")

    one, two = Fernet.generate_key().decode(), Secret(Fernet.generate_key().decode())
    keys = [None, one, [two, one], [two]]
    for number, key in enumerate(keys[:3]):
        with opened(tmp_path, key=key) as durability:
            durability.run(root, number, run_id=f"r{number}")
    with opened(tmp_path, key=[two, one]) as durability:
        for number in range(3):
            durability.signal(f"r{number}", "go", "x")
            assert durability.resume(f"r{number}").value == (number, "x")
    with opened(tmp_path, key=[two]) as durability:
        assert durability.get("r2").value == (2, "x")


def test_without_the_key_a_run_says_so(tmp_path) -> None:
    """Its status can be read all the same."""

    @task(Durable())
    def root():
        return 1

    @task(Durable())
    def waits():
        pause("go")

    with opened(tmp_path, key=Fernet.generate_key()) as durability:
        durability.run(root, run_id="r")
        durability.run(waits, run_id="w")
    with opened(tmp_path) as durability:
        assert [(run.status, type(run.error)) for run in durability.runs()] == [
            (Status.DONE, JournalSealed),
            (Status.SUSPENDED, type(None)),
        ]
        with pytest.raises(JournalSealed, match="has no key"):
            durability.resume("w")
    with (
        opened(tmp_path, key=Fernet.generate_key()) as durability,
        pytest.raises(JournalSealed, match="another key"),
    ):
        durability.resume("w")


@pytest.mark.parametrize("key", ["short", b"\0" * 32, 5, [], ["short"]])
def test_what_is_no_key_is_refused_without_showing_it(key) -> None:
    """Where it is written."""
    with pytest.raises(ConfigError) as caught:
        Durability("sqlite:///journal.db", key=key)
    assert "short" not in str(caught.value)


def test_an_error_of_a_sensitive_task_has_no_text_in_the_journal(tmp_path) -> None:
    """A plain one in a run without a key: its class alone is kept."""

    @task(sensitive=True)
    def plain():
        raise ValueError(CANARY)

    @task(Durable())
    def root():
        plain()

    with opened(tmp_path) as durability:
        run = durability.run(root, run_id="r")
        assert (type(run.error), run.error.type) == (RecordedError, "builtins:ValueError")
        for file in tmp_path.iterdir():
            assert CANARY.encode() not in file.read_bytes()
