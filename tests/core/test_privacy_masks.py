"""Known secrets, taken out of texts."""

from __future__ import annotations

import base64
import json
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pegboard import Session, hookimpl, task
from pegboard.privacy import SHORTEST, Masks

CANARY = 'canary "8f2"/é\n&x'
WAYS = {
    "plain": str,
    "json": lambda value: json.dumps({"key": value}),
    "repr": repr,
    "url": lambda value: "https://x.org/?key=" + quote(value, safe=""),
    "base64": lambda value: base64.b64encode(value.encode()).decode(),
}


@pytest.mark.parametrize("write", WAYS.values(), ids=WAYS)
def test_a_known_secret_is_masked_however_it_is_written(write) -> None:
    """As it is, escaped, quoted or encoded: nothing of it is left."""
    masks = Masks()
    assert masks.add(CANARY)
    text = f"before {write(CANARY)} after"
    assert masks.found_in(text)
    assert masks.found_in(text.encode())
    masked = masks.mask(text)
    assert masked.startswith("before ")
    assert "***" in masked
    assert "8f2" not in masked
    assert not masks.found_in(masked)


@given(st.lists(st.text(min_size=SHORTEST), min_size=1, max_size=5), st.data())
def test_no_known_secret_stays_in_any_text(secrets: list[str], data: st.DataObject) -> None:
    """Also when one is the beginning of another, or they stand side by side."""
    masks = Masks()
    for secret in secrets:
        masks.add(secret)
    text = "".join(data.draw(st.lists(st.sampled_from([*secrets, " ", "x"]), max_size=8)))
    masked = masks.mask(text)
    rest = masked.replace("***", "\0")
    assert not [secret for secret in secrets if secret in rest and "\0" not in secret]


def test_a_short_value_is_not_masked() -> None:
    """`add` says so, and texts stay as they are."""
    masks = Masks()
    assert not masks.add("abc")
    assert masks.mask("abc") == "abc"
    assert not masks


def test_the_lines_of_a_long_secret_are_masked_one_by_one() -> None:
    """A traceback may show one line of a key alone."""
    masks = Masks()
    masks.add("-----BEGIN KEY-----\nMIIBVwIBADANBgkqhkiG9w0BAQEF\n-----END KEY-----")
    assert masks.mask("bad line: MIIBVwIBADANBgkqhkiG9w0BAQEF") == "bad line: ***"


def test_inner_sessions_share_the_masks_of_outer_ones() -> None:
    """What a task inside raises may be recorded outside."""
    with Session() as outer, Session(inherit=False) as inner:
        inner.masks.add("canary-8f2")
        assert outer.masks.mask("canary-8f2") == "***"


def test_a_rendered_name_is_masked() -> None:
    """A secret that is passed on as an argument does not show in names, nor in the notes on errors."""

    @task(name="get_{key}")
    def get(key: str) -> None:
        raise LookupError

    with Session() as session:
        session.masks.add("canary-8f2")
        error = get.run("canary-8f2").error
    assert "canary" not in "".join(error.__notes__)
    assert "get_***" in "".join(error.__notes__)


def test_the_log_of_a_failing_observer_shows_no_secret(caplog) -> None:
    """Its traceback is left out when a secret is in it, and the type of the error stays."""

    class Leaks:
        name = "leaks"

        @hookimpl
        def before_execute(self, call):
            raise ValueError(f"bad key {call.args[0]}")

    @task
    def use(key: str) -> None: ...

    with Session(Leaks()) as session:
        session.masks.add("canary-8f2")
        use("canary-8f2")
    assert "canary" not in caplog.text
    assert "ValueError" in caplog.text


def test_the_secrets_are_told_for_another_process() -> None:
    """As they were added, and not the ways to write them; those too short to be masked are left out."""
    masks = Masks()
    for secret in ("one two three", "x"):
        masks.add(secret)
    assert masks.secrets == ("one two three",)
