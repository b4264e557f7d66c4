"""What a handler writes, with its own formatter, has neither secrets nor control characters in it."""

from __future__ import annotations

import logging
import logging.handlers
import queue
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pegboard import Secret, Session, task
from pegboard.privacy import Masks
from pegboard_logs import Logs
from pegboard_logs._guarding import GuardedFormatter, Rules

SECRET = "hunter22-long"
HOSTILE = "a\n[ERROR] forged \x1b[31m\u2028\x7f\x85\u202e\ud800"
ESCAPED = r"a\n[ERROR] forged \x1b[31m\u2028\x7f\x85\u202e\ud800"


@pytest.fixture
def session(output):
    """An open session with `Logs` that knows a secret."""
    with Session(Logs(), inherit=False, strict=True) as opened:
        opened.masks.add(SECRET)
        yield opened


def fail_with(text):
    raise ValueError(text)


@pytest.mark.parametrize(
    "write",
    [
        lambda log: log.info("with {}".format(SECRET)),  # noqa: G001, UP032 - that is the case
        lambda log: log.info("with %s", SECRET),
        lambda log: log.info("with %(it)s", {"it": SECRET}),
        lambda log: log.info("with %s", [SECRET]),
        lambda log: log.info("with", exc_info=ValueError(SECRET)),
        lambda log: log.info("with", stack_info=True, extra={"unused": SECRET}),
    ],
    ids=["message", "argument", "named argument", "in a list", "exception", "stack"],
)
def test_known_secrets_are_masked(log, output, session, write):
    """In messages, arguments and tracebacks, inside a call and outside."""
    write(log)
    task(write)(log)
    assert "with" in output.text
    assert SECRET not in output.text


def test_causes_in_tracebacks_are_masked(log, output, session):
    """The whole text of a traceback goes through the mask."""
    try:
        try:
            fail_with(SECRET)
        except ValueError as cause:
            raise LookupError("not found") from cause
    except LookupError:
        log.exception("failed")
    assert "ValueError: ***" in output.text
    assert SECRET not in output.text


def test_other_handlers_see_the_record_as_it_is(log, root, output, make_output):
    """Handlers that are not ours write what they always did, before us and behind us."""
    before, behind = make_output(), make_output()
    root.handlers[:] = [before, output, behind]
    with Session(Logs(handlers=[output]), inherit=False) as session:
        session.masks.add(SECRET)
        try:
            fail_with(f"{SECRET}\x1b")
        except ValueError:
            log.exception("with %s\r", SECRET)
    assert SECRET not in output.text
    assert before.text == behind.text
    assert before.text.startswith(f"ERROR app with {SECRET}\r\nTraceback")
    assert before.text.endswith(f"ValueError: {SECRET}\x1b\n")


def test_secrets_of_two_sessions_are_masked_by_both(log, output, session):
    """A handler that sessions of two threads have writes the secrets of neither."""

    def other():
        with Session(Logs(), inherit=False) as another:
            another.masks.add("other-secret")
            log.info("%s other-secret", SECRET)

    thread = threading.Thread(target=other)
    thread.start()
    thread.join(10)
    log.info("%s", SECRET)
    assert output.lines == ["INFO app *** ***", "INFO app ***"]


def test_a_secret_object_shows_as_stars(log, output, session):
    """`Secret` refuses to become text; the record is not lost for it, whatever way it is handed over."""
    log.info("a %s b %r c %d", Secret("x"), Secret("y"), 3)
    log.info(Secret("x"))
    log.info("%(a)s", {"a": Secret("x")})
    log.info("%s", [Secret("x")])
    assert output.lines == [
        "INFO app a *** b '***' c 3",
        "INFO app ***",
        "INFO app ***",
        "INFO app [Secret('***')]",
    ]


@pytest.mark.parametrize(
    ("message", "args", "shown"),
    [
        ("%d of %d", (Secret(1), 2), "*** of 2"),
        ("%5.1f %% %x%%d", (Secret(1.5), 255), "  *** % 255%d"),
        ("%(a)05d", ({"a": Secret(1)},), "  ***"),
        ("%i %s", (1, [{"a": (Secret("x"),)}]), "1 [{'a': (Secret('***'),)}]"),
    ],
)
def test_a_secret_that_was_to_be_a_number_shows_as_stars(log, output, session, message, args, shown):
    """The numbers beside it are shown as texts."""
    log.info(message, *args)
    assert output.lines == [f"INFO app {shown}"]


def test_a_secret_in_a_field_of_the_format_shows_as_stars(log, output, session):
    """What is given as `extra` may stand in a format."""
    output.setFormatter(logging.Formatter("%(token)s %(message)s"))
    with Session(Logs()):
        log.info("fine", extra={"token": Secret("x")})
    assert output.lines == ["*** fine"]


def test_arguments_that_do_not_fit_are_said_as_always(log, output, session):
    """The handler's own way to deal with such a mistake is left to it."""
    with pytest.raises(TypeError, match="not all arguments"):
        log.info("no place", 1)  # noqa: PLE1205 - the mistake


def test_control_characters_in_messages_are_escaped(log, output, session):
    """One event is one line, and nothing steers the terminal."""
    log.info("%s", HOSTILE)
    log.info(HOSTILE)
    log.info(HOSTILE, stack_info=False)
    assert output.text == f"INFO app {ESCAPED}\n" * 3


def test_control_characters_in_names_are_escaped(root, output):
    """Names of loggers and threads, and fields of the caller that the format has, forge no line either."""
    output.setFormatter(logging.Formatter("%(name)s|%(threadName)s|%(order)s|%(message)s"))
    with Session(Logs()):
        thread = threading.Thread(
            target=logging.getLogger("a\nb").error, args=("fine",), kwargs={"extra": {"order": "7\x1b[2J"}}
        )
        thread.name = "t\u2028\ud800"
        thread.start()
        thread.join(10)
    assert output.text == "a\\nb|t\\u2028\\ud800|7\\x1b[2J|fine\n"


@pytest.mark.parametrize("escape", [True, False], ids=["escaped", "as it is"])
@pytest.mark.parametrize(
    ("encoding", "errors", "shown"),
    [
        ("utf-8", "strict", r"größe 取 \ud800"),
        ("cp1252", "strict", r"größe \u53d6 \ud800"),
        ("ascii", "strict", r"gr\xf6\xdfe \u53d6 \ud800"),
        ("utf-16", "strict", r"größe 取 \ud800"),
        ("ascii", "replace", r"gr??e ? "),
    ],
)
def test_a_file_gets_what_it_can_hold(log, root, tmp_path, encoding, errors, shown, escape):
    """No record is lost for a character; a stream with a way of its own to write it does so."""
    handler = logging.FileHandler(tmp_path / "log", encoding=encoding, errors=errors, delay=True)
    root.addHandler(handler)
    with Session(Logs(escape=escape)):
        log.info("größe 取 \ud800")
    handler.close()
    assert (tmp_path / "log").read_text(encoding=encoding).startswith(shown)


def test_any_handler_gets_a_text_that_can_be_encoded(log, root):
    """One that sends lines to a server has no stream to ask."""
    sent = []

    class Sender(logging.Handler):
        def emit(self, record):
            sent.append(self.format(record).encode())

    root.addHandler(Sender())
    with Session(Logs(escape=False)):
        log.error("odd \ud800", exc_info=ValueError("\udfff"))
    assert sent == [b"odd \\ud800\nValueError: \\udfff"]


def test_a_long_message_is_whole(log, output, session):
    """A megabyte with one character that has to be escaped."""
    log.info("%s\0", "x" * 1_000_000)
    assert output.text == f"INFO app {'x' * 1_000_000}\\x00\n"


def test_readable_text_of_all_languages_stays(log, output, session):
    """Blanks of other widths, combined and right-to-left letters are no control characters."""
    text = "naïve\u00a0日本\u3000 שלום e\u0301 👩\u200d💻"
    log.info(text)
    assert output.lines == [f"INFO app {text}"]


def test_a_formatter_may_colour(log, output, session):
    """Escape codes of the handler's own format are not the message's."""
    output.setFormatter(logging.Formatter("\x1b[31m%(message)s\x1b[0m"))
    with Session(Logs()):
        log.info("fine")
        log.info("a\nb")
    assert output.text == "\x1b[31mfine\x1b[0m\n\x1b[31ma\\nb\x1b[0m\n"


def test_errors_keep_their_lines_alone(log, output, session):
    """Of a traceback the line breaks stay, as people read it; all else in the text of an error is escaped."""
    log.error("failed", exc_info=ValueError("x\x1b[2J\r\u2028"))
    assert output.text == "ERROR app failed\nValueError: x\\x1b[2J\\r\\u2028\n"


def test_escaping_can_be_left_out(log, output):
    """For those who write tables into their logs."""
    with Session(Logs(escape=False), inherit=False) as session:
        session.masks.add(SECRET)
        log.info("a\n\tb %s", SECRET)
        log.info("%s", Secret("x"))
    assert output.text == "INFO app a\n\tb ***\nINFO app ***\n"


def test_a_queue_handler_hands_on_what_may_be_shown(log, root):
    """What another thread or process gets is masked and escaped, and carries the ids."""
    waiting = queue.SimpleQueue()
    root.addHandler(logging.handlers.QueueHandler(waiting))

    @task
    def probe():
        log.error("with %s\n", SECRET, exc_info=ValueError(SECRET))

    with Session(Logs(), inherit=False) as session:
        session.masks.add(SECRET)
        probe()
    record = waiting.get(timeout=5)
    assert record.getMessage() == "with ***\\n\nValueError: ***"
    assert record.pegboard_task == "probe"


def test_parts_asked_of_the_formatter_are_masked(log, session, output):
    """Some handlers ask their formatter for a message or traceback alone."""
    formatter = output.formatter
    record = logging.LogRecord("app", 20, "x.py", 1, SECRET, None, None)
    record.message = SECRET
    error = ValueError(SECRET)
    parts = [
        formatter.formatMessage(record),
        formatter.formatException((ValueError, error, None)),
        formatter.formatStack(SECRET),
    ]
    assert parts == ["INFO app ***", "ValueError: ***", "***"]
    assert formatter.usesTime() is False
    assert formatter.formatTime(record)[:2] == "20"


@given(st.text(), st.booleans())
def test_any_message_is_one_line(text, as_argument):
    """Whatever the text, what is written is printable but for blanks, and has no line break."""
    guarded = GuardedFormatter(None)
    guarded.rules = Rules((), None, escape=True, active=True)
    message, args = ("%s", (text,)) if as_argument else (text, None)
    shown = guarded.format(logging.LogRecord("app", 20, "x.py", 1, message, args, None))
    assert len(f"{shown}.".splitlines()) == 1
    assert not any(ord(c) < 0x20 or 0x7F <= ord(c) < 0xA0 for c in shown)


def test_masks_added_later_count(log, output, session):
    """A secret handed out by a running task is masked from then on."""
    log.info("new-secret")
    session.masks.add("new-secret")
    log.info("new-secret")
    assert output.lines == ["INFO app new-secret", "INFO app ***"]


def test_nothing_to_mask_leaves_texts_alone():
    """Without secrets, `mask` gives the same object."""
    text = "anything"
    assert Rules((Masks(),)).mask(text) is text
