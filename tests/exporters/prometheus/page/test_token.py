"""The token: where it comes from, who gets in, and that it shows nowhere."""

from __future__ import annotations

import os
import statistics
import time

import pytest

from pegboard import ConfigError, Secret, Session
from pegboard_prometheus import Prometheus
from pegboard_prometheus.page.token import VARIABLE, Token

TOKEN = "s3cret-t0ken~canary"


@pytest.fixture
def guarded(metrics):
    """An endpoint that takes a token."""
    prometheus = Prometheus(0, token=TOKEN)
    with Session(metrics, prometheus, inherit=False):
        yield prometheus


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_the_token_lets_in(guarded, ask, scheme):
    """The name of the scheme may be written in any case."""
    assert ask(guarded.port, Authorization=f"{scheme} {TOKEN}").status == 200


@pytest.mark.parametrize(
    "presented",
    [
        "",
        "Bearer",
        "Bearer ",
        f"Basic {TOKEN}",
        TOKEN,
        f"Bearer {TOKEN[:-1]}",
        f"Bearer {TOKEN}x",
        f"Bearer {TOKEN.upper()}",
        f"Bearer {TOKEN} {TOKEN}",
        f"Bearer {TOKEN}, Bearer {TOKEN}",
        "Bearer \xff",
    ],
)
def test_anything_else_does_not(guarded, ask, presented):
    """401 with a challenge that says whether it was tried, and no metrics."""
    answer = ask(guarded.port, Authorization=presented.encode("latin-1"))
    assert answer.status == 401
    assert ("invalid_token" in answer.headers["WWW-Authenticate"]) is bool(presented)
    assert b"pegboard_" not in answer.body


def test_without_a_token_there_is_a_challenge(guarded, ask):
    """RFC 9110 wants WWW-Authenticate; no other path tells whether it is there."""
    answer = ask(guarded.port)
    assert (answer.status, answer.headers["WWW-Authenticate"]) == (401, 'Bearer realm="pegboard"')
    assert ask(guarded.port, path="/else").status == 401
    assert ask(guarded.port, "HEAD").status == 401


def test_a_comparison_takes_the_same_time_wherever_they_differ():
    """So the time tells nothing of the token; `==` is many times faster where the first character differs."""
    secret = "a" * 200_000
    token = Token(secret)
    guesses = {"first": "Bearer b" + secret[1:], "last": "Bearer " + secret[1:] + "b"}
    taken = {place: [] for place in guesses}
    for _ in range(300):
        for place, guess in guesses.items():
            before = time.perf_counter()
            assert not token.admits(guess)
            taken[place].append(time.perf_counter() - before)
    first, last = (statistics.median(taken[place]) for place in guesses)
    assert 0.8 < first / last < 1.25


@pytest.mark.parametrize("given", [TOKEN, Secret(TOKEN)], ids=["text", "secret"])
def test_a_token_may_be_given(metrics, ask, given):
    """As text, or as a Secret."""
    prometheus = Prometheus(0, token=given)
    with Session(metrics, prometheus, inherit=False):
        assert ask(prometheus.port, Authorization=f"Bearer {TOKEN}").status == 200


def test_a_token_may_be_in_the_environment(metrics, ask, monkeypatch):
    """Where none is given; an empty variable is none."""
    monkeypatch.setenv(VARIABLE, TOKEN)
    prometheus = Prometheus(0)
    with Session(metrics, prometheus, inherit=False):
        assert ask(prometheus.port).status == 401
        assert ask(prometheus.port, Authorization=f"Bearer {TOKEN}").status == 200
    monkeypatch.setenv(VARIABLE, "")
    with pytest.raises(ConfigError, match="neither a token nor TLS"):
        Prometheus(0, "0.0.0.0")


def test_a_token_may_be_in_a_file_and_change(metrics, ask, tmp_path, caplog):
    """A new one holds at once; while the file holds none, the last one does, with one warning."""
    file = tmp_path / "token"
    file.write_text(TOKEN + "\n")
    prometheus = Prometheus(0, token_file=file)

    def status(token):
        return ask(prometheus.port, Authorization=f"Bearer {token}").status

    with Session(metrics, prometheus, inherit=False):
        assert status(TOKEN) == 200
        file.write_text("another-one")
        assert (status(TOKEN), status("another-one")) == (401, 200)
        file.write_text("")
        assert (status(""), status("another-one"), status("another-one")) == (401, 200, 200)
        file.unlink()
        assert status("another-one") == 200
    assert [record.levelname for record in caplog.records] == ["WARNING"] * 2
    assert "another-one" not in caplog.text


@pytest.mark.parametrize(
    ("settings", "key"),
    [
        ({"token": ""}, "token"),
        ({"token": "two words"}, "token"),
        ({"token": "línea"}, "token"),
        ({"token": b"bytes"}, "token"),
        ({"token": "a\r\nX: b"}, "token"),
        ({"token": "a", "token_file": "b"}, "token_file"),
        ({"token_file": "absent"}, "token_file"),
        ({"token_file": os.devnull}, "token"),
    ],
)
def test_what_no_client_could_send_is_refused(settings, key):
    """Before anything listens."""
    with pytest.raises(ConfigError) as caught:
        Prometheus(0, **settings)
    assert (caught.value.where, caught.value.key) == ("Prometheus", key)


def test_a_token_is_in_no_error_repr_or_session_text(metrics):
    """Errors name the setting; texts that a session records have *** in its place."""
    with pytest.raises(ConfigError) as caught:
        Prometheus(0, token=f"{TOKEN} {TOKEN}")
    assert TOKEN not in str(caught.value)
    assert TOKEN not in repr(Token(TOKEN))
    with Session(metrics, Prometheus(0, token=TOKEN), inherit=False) as session:
        assert session.masks.mask(f"it was {TOKEN}") == "it was ***"
