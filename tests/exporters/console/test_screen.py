"""Streams that hold less than all characters, or do not tell what they hold."""

from __future__ import annotations

import io

import pytest

from pegboard import Session, task
from pegboard_console import Console

NAME = "load 取得"
ESCAPED = r"load \u53d6\u5f97"


@task(name=NAME)
def load(x: int) -> int:
    return x


def show(file: io.TextIOBase) -> None:
    with Session(Console(file, force=True), executor="inline", inherit=False, strict=True):
        load.map(range(3))
    file.flush()


class Narrow(io.StringIO):
    """Holds ASCII alone, and says nothing of it."""

    encoding = None

    def write(self, text: str) -> int:
        text.encode("ascii")
        return super().write(text)


class Odd(io.StringIO):
    """Names an encoding that Python does not know."""

    encoding = "klingon-8"


@pytest.mark.parametrize(
    ("encoding", "name"),
    [("cp1252", ESCAPED), ("ascii", ESCAPED), ("cp437", ESCAPED), ("utf-16", NAME), ("utf-8-sig", NAME)],
)
def test_a_file_gets_what_it_can_hold(tmp_path, encoding, name):
    """The rest is escaped, in the tree and in the summary."""
    with (tmp_path / "out").open("w", encoding=encoding) as file:
        show(file)
    text = (tmp_path / "out").read_text(encoding=encoding)
    assert f"map {name}" in text
    assert [line for line in text.splitlines() if name in line and " 3 " in line and "0" in line]
    assert "\ufeff" not in text


@pytest.mark.parametrize(("kind", "name"), [(Narrow, ESCAPED), (Odd, NAME), (io.StringIO, NAME)])
def test_a_stream_that_does_not_tell_gets_what_it_takes(kind, name):
    """All characters, and where it refuses them, escapes."""
    stream = kind()
    show(stream)
    assert f"map {name}" in stream.getvalue()


def test_columns_stand_below_each_other_where_a_name_is_escaped(tmp_path):
    """A name is escaped before the table is laid out."""
    with (tmp_path / "out").open("w", encoding="ascii") as file:
        show(file)
    table = [line for line in (tmp_path / "out").read_text().splitlines() if line.startswith("|")]
    assert len({len(line) for line in table}) == 1


@pytest.mark.parametrize("name", ["क्\u200dष", "👨\u200d👩\u200d👧", "e\u0301te\u0301"])
def test_a_joiner_in_a_name_is_shown(out, session, name):
    """Languages and emoji need it, and it steers nothing."""
    task(name=name)(lambda: 1)()
    assert f"✓ {name}  " in out.getvalue()
