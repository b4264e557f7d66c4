"""Texts that can be shown anywhere."""

import traceback
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pegboard import Secret, texts

ANY = st.text(st.characters())  # lone surrogates included
PROSE = "naïve\u00a0日本\u3000 שלום e\u0301 👩\u200d💻"


@given(ANY)
def test_one_line_is_printable_and_any_stream_can_hold_it(text: str) -> None:
    """Whatever a name holds, it neither breaks a line nor steers a terminal nor fails to be written."""
    shown = texts.one_line(text)
    assert shown.isprintable()
    assert shown.encode().decode() == shown


@given(ANY)
def test_one_line_tells_texts_of_one_alphabet_apart(text: str) -> None:
    """Escapes are those of Python, so that without backslashes the text can be read back."""
    if "\\" not in text:
        assert texts.one_line(text).encode("latin-1", "backslashreplace").decode("unicode_escape") == text


@pytest.mark.parametrize("text", ["", "load_orders", "日本 é 👩"])
def test_a_printable_text_is_itself(text: str) -> None:
    """The usual name costs one look."""
    assert texts.one_line(text) is text
    assert texts.without_control(text) is text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\nb", r"a\nb"),
        ("\x1b[2J", r"\x1b[2J"),
        ("\u202e", r"\u202e"),
        ("\ud800", r"\ud800"),
        ("\u2028", r"\u2028"),
    ],
)
def test_escapes_are_those_of_a_literal(text: str, shown: str) -> None:
    """Somebody who reads one knows the character."""
    assert texts.one_line(text) == shown
    assert texts.without_control(text) == shown


def test_kept_characters_stay() -> None:
    """A stack trace keeps its lines and nothing else."""
    trace = "".join(traceback.format_exception_only(ValueError("a\n\tb\x1b")))
    assert texts.one_line(trace, keep="\n\t") == "ValueError: a\n\tb\\x1b\n"
    assert texts.without_control(trace, keep="\n\t") == "ValueError: a\n\tb\\x1b\n"


def test_messages_keep_the_spaces_and_joiners_of_their_language() -> None:
    """What people write is not all printable, and harmless."""
    assert texts.without_control(PROSE) == PROSE
    assert texts.one_line(PROSE) != PROSE


@given(ANY)
def test_without_control_any_stream_can_hold_a_message_in_one_line(text: str) -> None:
    """Whatever splits lines is escaped."""
    shown = texts.without_control(text)
    assert len(shown.splitlines()) <= 1
    assert shown.encode().decode() == shown


@given(ANY, st.integers(1, 20))
def test_cut_is_never_longer(text: str, most: int) -> None:
    """A text that fits is itself; of any other the beginning is left."""
    shown = texts.cut(text, most)
    assert len(shown) <= most
    assert shown == text or (shown.endswith("…") and text.startswith(shown[:-1]))


def test_the_end_of_a_cut_text_counts() -> None:
    """Terminals without Unicode get dots."""
    assert texts.cut("load_orders", 8, "...") == "load_..."


def test_a_value_without_a_text_is_its_type() -> None:
    """A Secret refuses to be text, and showing it must not fail for that."""
    assert texts.text_of(Secret("hunter2")) == "<Secret>"
    assert texts.text_of(3.5) == "3.5"


@given(ANY, st.sampled_from(["ascii", "latin-1", "utf-8", "cp1252"]))
def test_an_encodable_text_can_be_written(text: str, encoding: str) -> None:
    """What the encoding holds stays, the rest is escaped."""
    shown = texts.encodable(text, encoding)
    assert shown.encode(encoding).decode(encoding) == shown
    assert texts.encodable(PROSE) == PROSE


@pytest.mark.parametrize(
    ("encoding", "found"),
    [("CP1252", "cp1252"), ("utf8", "utf-8"), (None, "utf-8"), ("klingon-8", "utf-8"), (7, "utf-8")],
)
def test_the_encoding_of_a_stream_is_one_that_python_knows(encoding: object, found: str) -> None:
    """A stream may tell none, or anything."""
    assert texts.encoding_of(SimpleNamespace(encoding=encoding)) == found
    assert texts.encoding_of(None) == "utf-8"


def test_a_stream_that_holds_less_than_it_tells_gets_escapes() -> None:
    """It is written to once more, in ASCII."""
    written = []

    def write(text: str) -> None:
        written.append(text.encode("ascii"))

    texts.write_escaped(write, "größe \ud800", "utf-8")
    assert written == [rb"gr\xf6\xdfe \ud800"]


def test_joiners_may_be_kept() -> None:
    """Names of some languages are written with them."""
    assert texts.one_line("क्\u200dष\u202e", texts.JOINERS) == "क्\u200dष\\u202e"


@pytest.mark.parametrize(
    "phrase",
    [
        *("a Retry", "an Audit", "an int", "an ndarray", "an async_generator", "an HTTPError", "an OSError"),
        *("a UUID", "a UserError", "a unit", "an Undo", "an _Inner", "a map", "an imap", "a X"),
    ],
)
def test_the_article_is_that_of_the_spoken_word(phrase: str) -> None:
    """`an` before a vowel that is heard, whatever is written."""
    assert texts.a(phrase.partition(" ")[2]) == phrase
