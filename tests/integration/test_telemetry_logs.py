"""Log records and JSON lines under hostile names, over two sessions."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest

from pegboard import JSONLines, Logs, Session, task

HOSTILE = 'a\nb\r\x1b[31m\x00\x85\u2028\u2029\u202e{"level": "forged"}\x7f\udc80'
BREAKS = "\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029"


@pytest.fixture
def handler() -> Iterator[logging.StreamHandler[io.StringIO]]:
    """A handler of the root logger that writes to a text in memory."""
    handler = logging.StreamHandler(io.StringIO())
    root, level = logging.getLogger(), logging.getLogger().level
    root.addHandler(handler)
    root.setLevel("DEBUG")
    yield handler
    root.removeHandler(handler)
    root.setLevel(level)


@task(name="load {name}")
def load(name: str) -> None:
    logging.getLogger(f"app.{HOSTILE}").warning("loading %s", name, extra={HOSTILE: name})
    raise ValueError(name)


def run(calls: io.StringIO) -> None:
    with Session(
        Logs(json=True, lifecycle=True), JSONLines(calls, attempts=True, groups=True), inherit=False
    ):
        load.run(HOSTILE)
        load.map([HOSTILE] * 2, on_error="collect")


def lines_of(text: str) -> list[dict[str, object]]:
    """Parse a text line by line, where a line ends at whatever any reader takes for its end."""
    assert not any(each in text.replace("\n", "") for each in BREAKS)
    assert text.isascii()
    assert "\x1b" not in text
    return [json.loads(line) for line in text.splitlines()]


def test_one_event_is_one_line_whatever_its_names(handler: logging.StreamHandler[io.StringIO]) -> None:
    """Names, messages, extras and errors that break lines elsewhere are one line each, in both files."""
    calls = io.StringIO()
    run(calls)
    logged, ended = lines_of(handler.stream.getvalue()), lines_of(calls.getvalue())
    written = [line for line in logged if str(line["logger"]).startswith("app.")]
    assert len(written) == 3
    assert all("forged" not in str(line["level"]) for line in logged)
    assert sum(line.get("status") == "error" and "attempts" in line for line in ended) >= 3


def test_two_sessions_leave_handlers_as_they_were(handler: logging.StreamHandler[io.StringIO]) -> None:
    """Each of the two writes as much, and after each the handlers are as before."""
    before = [(each, each.formatter, list(each.filters)) for each in logging.getLogger().handlers]
    counts = []
    for _ in range(2):
        run(io.StringIO())
        after = [(each, each.formatter, list(each.filters)) for each in logging.getLogger().handlers]
        assert after == before
        counts.append(len(handler.stream.getvalue().splitlines()))
        logging.getLogger("app").warning("between")
    assert counts[1] == 2 * counts[0] + 1
    assert handler.stream.getvalue().endswith("between\n")
