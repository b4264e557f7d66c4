"""Formats of other distributions: found by name, imported only then."""

from __future__ import annotations

import subprocess
import sys

import pytest

MODULE = """
print("imported")
from pegboard_datasets import Format
INI = Format("ini", (".ini", ".cfg"), (dict,), lambda v: b"ini", lambda d, w: {"read": d.decode()})
JSON = Format("json-too", (".json",), (set,), lambda v: b"[]", lambda d, w: set())
WRONG = object()
"""
ENTRIES = """
[pegboard.dataset_formats]
ini = strange_formats:INI
cfg = strange_formats:INI
wrong = strange_formats:WRONG
gone = no_such_module:X
"""
START = "from pegboard_datasets import Datasets, MemoryStore; d = Datasets(store=MemoryStore()); "


@pytest.fixture
def run(tmp_path):
    """Run code where a distribution with formats is installed."""
    (tmp_path / "strange_formats.py").write_text(MODULE)
    info = tmp_path / "strange-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: strange\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(ENTRIES)

    def run(code, **changes):
        command = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); {START}{code}"
        return subprocess.run([sys.executable, "-c", command], capture_output=True, text=True, check=False)

    run.entries = info / "entry_points.txt"
    return run


def test_a_format_is_found_by_extension_and_by_name(run) -> None:
    """Entry points are named after a format or an extension."""
    done = run(
        "d.save('a.cfg', {}); print(d.load('a.cfg')); d.save('a', {}, format='ini'); print(d.load('a', format='ini'))"
    )
    assert done.stdout.split("\n") == ["imported", "{'read': 'ini'}", "{'read': 'ini'}", ""], done.stderr


def test_nothing_is_imported_before_it_is_asked_for(run) -> None:
    """Not for other extensions, not for types without one, and not to list what there is."""
    code = (
        "d.save('a.json', {}); d.persist({})\n"
        "try: d.save('a.nope', {})\n"
        "except LookupError as e: print('ini' in str(e), 'cfg' in e.candidates)"
    )
    assert run(code).stdout == "True True\n"


def test_it_joins_the_built_in_formats_of_an_extension(run) -> None:
    """The type decides among them as ever."""
    run.entries.write_text("[pegboard.dataset_formats]\njson = strange_formats:JSON\n")
    done = run(
        "d.save('a.json', {1}); d.save('b.json', [1]); print(d.catalog.store.get('b.json'), d.load('a.json', set))"
    )
    assert done.stdout == "imported\nb'[1]' set()\n", done.stderr


def test_what_is_no_format_is_named(run) -> None:
    """The entry point, and what it is."""
    assert (
        "entry point 'wrong' of pegboard.dataset_formats names strange_formats:WRONG"
        in run("d.save('a.wrong', 1)").stderr
    )


def test_an_import_that_fails_is_told(run) -> None:
    """Not hidden behind "no such format"."""
    assert "no_such_module" in run("d.save('a.gone', 1)").stderr.splitlines()[-1]
