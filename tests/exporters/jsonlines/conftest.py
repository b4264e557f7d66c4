"""What the tests of JSON lines share: a file, and what stands in it."""

from __future__ import annotations

import json

import pytest


@pytest.fixture
def path(tmp_path):
    """A file that is not there yet."""
    return tmp_path / "calls.jsonl"


@pytest.fixture
def read(path):
    """Return the lines of the file, each read by a strict reader."""

    def refuse(constant):
        raise AssertionError(constant)

    def lines(file=path):
        text = file.read_bytes().decode("ascii")
        assert text.isprintable() or set(filter(lambda c: not c.isprintable(), text)) == {"\n"}
        return [json.loads(line, parse_constant=refuse) for line in text.split("\n")[:-1]]

    return lines
