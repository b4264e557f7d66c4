"""Streams that hold less than all characters, or do not tell what they hold."""

from __future__ import annotations

import io

import pytest

from pegboard import Session, task
from pegboard_progress import Progress

NAME = "load 取得"
ESCAPED = r"load \u53d6\u5f97"


@task(name=NAME)
def load(x: int) -> int:
    return x


def shown(file: io.TextIOBase, *, live: bool) -> None:
    with Session(Progress(file, live=live, after=0), executor="inline", inherit=False, strict=True):
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


@pytest.mark.parametrize("live", [True, False], ids=["bars", "lines"])
@pytest.mark.parametrize("encoding", ["cp1252", "ascii", "latin-1", "cp437"])
def test_what_a_file_cannot_hold_is_escaped(tmp_path, encoding, live):
    """A file with a strict encoding gets every line."""
    with (tmp_path / "out").open("w", encoding=encoding) as file:
        shown(file, live=live)
    assert f"map {ESCAPED}  3/3" in (tmp_path / "out").read_text(encoding=encoding)


@pytest.mark.parametrize("live", [True, False], ids=["bars", "lines"])
@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig", "utf-8"])
def test_a_file_that_holds_everything_is_escaped_nowhere(tmp_path, encoding, live):
    """Its mark stands at its beginning, and nowhere else."""
    with (tmp_path / "out").open("w", encoding=encoding) as file:
        shown(file, live=live)
    text = (tmp_path / "out").read_text(encoding=encoding)
    assert f"map {NAME}  3/3" in text
    assert "\ufeff" not in text


@pytest.mark.parametrize("live", [True, False], ids=["bars", "lines"])
@pytest.mark.parametrize(("kind", "name"), [(Narrow, ESCAPED), (Odd, NAME), (io.StringIO, NAME)])
def test_a_stream_that_does_not_tell_gets_what_it_takes(kind, name, live):
    """All characters, and where it refuses them, escapes."""
    stream = kind()
    shown(stream, live=live)
    assert f"map {name}  3/3" in stream.getvalue()


def test_a_joiner_in_a_name_is_shown():
    """Hindi is written with one."""
    out = io.StringIO()
    with Session(Progress(out, live=False, after=0), executor="inline", inherit=False, strict=True):
        task(name="क्\u200dष")(lambda x: x).map([1])
    assert "क्\u200dष" in out.getvalue()
