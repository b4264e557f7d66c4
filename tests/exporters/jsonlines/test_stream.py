"""Open text streams: the standard output, pipes, and anybody's."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

from pegboard import Session, task
from pegboard_jsonlines import JSONLines


@task
def leaf(x=1):
    return x


class Buffer:
    """The least that a stream has to have."""

    def __init__(self):
        self.written = []

    def write(self, text):
        self.written.append(text)


def test_standard_output_is_the_default(capsys):
    """As it is when the session starts, and it stays open."""
    with Session("jsonlines", inherit=False):
        leaf()
    print("after")  # noqa: T201
    first, second = capsys.readouterr().out.splitlines()
    assert (json.loads(first)["task"], second) == ("leaf", "after")


def test_lines_get_out_at_once(tmp_path):
    """Also of a stream that keeps a buffer."""
    with (tmp_path / "out").open("w") as file, Session(JSONLines(file), inherit=False):
        leaf()
        assert (tmp_path / "out").read_text().endswith("}\n")
    assert file.closed  # by its owner


def test_anything_with_write_serves():
    """One call for each line, of eight threads too."""
    buffer = Buffer()
    with ThreadPoolExecutor(8) as pool, Session(JSONLines(buffer), inherit=False, executor=pool):
        list(leaf.map(range(400)))
    assert sorted(json.loads(line)["map_index"] for line in buffer.written) == list(range(400))


def test_a_stream_that_is_ended_by_the_collector_while_a_line_is_written():
    """A call that ends inside the write of another is written, too, and nobody waits for themselves."""

    @task
    def items():
        yield 1

    class Collecting(Buffer):
        def write(self, text):
            if kept:
                kept.pop().close()
            super().write(text)

    buffer, kept = Collecting(), []
    with Session(JSONLines(buffer), inherit=False):
        kept.append(items())
        next(kept[0])
        leaf()
    assert [json.loads(line)["task"] for line in buffer.written] == ["items", "leaf"]


def test_a_closed_pipe_is_said_once_and_counted(caplog):
    """Nobody reads any more: tasks go on."""
    reading, writing = os.pipe()
    stream = os.fdopen(writing, "w")
    plugin = JSONLines(stream)
    with Session(plugin, inherit=False) as session:
        leaf()
        os.close(reading)
        assert [leaf(x) for x in range(5)] == list(range(5))
        assert not session.observer_errors
    assert plugin.dropped == 5
    assert [
        record.getMessage().partition(":")[2] for record in caplog.records if "cannot" in record.getMessage()
    ] == [" Broken pipe; tasks go on, and lines that are lost are counted"]
    assert caplog.records[-1].getMessage().startswith("5 lines were not written to ")
    with stream, open(os.devnull, "wb") as nowhere:  # noqa: PTH123 - no path; takes what Python has kept of the lines
        os.dup2(nowhere.fileno(), writing)


def test_a_stream_that_fails_in_its_own_way(caplog):
    """A closed file, or any exception: the class is said, not the text, and the count begins with the first."""

    class Failing(io.StringIO):
        def write(self, text):
            raise LookupError("canary")

    closed = io.StringIO()
    closed.close()
    detached = io.TextIOWrapper(io.BytesIO(), encoding="cp1252")
    detached.detach()
    for stream, kind in ((Failing(), "LookupError"), (closed, "ValueError"), (detached, "ValueError")):
        caplog.clear()
        plugin = JSONLines(stream)
        with Session(plugin, inherit=False):
            leaf()
            leaf()
            assert plugin.dropped == 2
        assert f": {kind}; tasks go on" in caplog.messages[0]
        assert "canary" not in caplog.text


def test_a_program_whose_output_is_cut_off_ends_well():
    """As under `| head -1`: the status of the program is its own."""
    code = (
        "from pegboard import Session, task\nfrom pegboard_jsonlines import JSONLines\nimport sys\n"
        "with Session(JSONLines()):\n    for _ in range(2000): task(len)([])\n"
        "print('done', file=sys.stderr)\n"
        "import os; os.dup2(os.open(os.devnull, os.O_WRONLY), 1)\n"
    )
    program = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert json.loads(program.stdout.readline())["task"] == "len"
    program.stdout.close()
    errors = program.stderr.read()
    program.stderr.close()
    assert program.wait(60) == 0, errors
    assert "done" in errors
