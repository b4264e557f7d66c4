"""The page on where things are, held against the files."""

from __future__ import annotations

import ast
import re
import tomllib
from pathlib import Path

import pytest

_FILE = re.compile(r"`((?:[\w-]+/)*\w+\.py)`")
_NAMED_IN = re.compile(r"((?:`[\w.]+`(?:, | and )?)+)\s\(`([\w/-]+\.py)`\)")


@pytest.fixture(scope="module")
def house(root: Path) -> str:
    return (root / "docs/explanation/the-house.md").read_text(encoding="utf-8")


def found(root: Path, file: str) -> Path:
    """Return the file that the page means: its paths begin at the core's, or at the repository."""
    return root / file if file.startswith("plugins/") else root / "core/src/pegboard" / file


def defined_in(file: Path) -> set[str]:
    """Return the names of a module's functions and classes, and of their methods as `Class.method`."""
    names: set[str] = set()
    for node in ast.parse(file.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            names.add(node.name)
        if isinstance(node, ast.ClassDef):
            members = [each for each in node.body if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef)]
            names |= {f"{node.name}.{each.name}" for each in members}
    return names


def named_in(page: str) -> list[tuple[str, str]]:
    """Return every name that the page gives a file for, with that file."""
    return [
        (name, file) for names, file in _NAMED_IN.findall(page) for name in re.findall(r"`([\w.]+)`", names)
    ]


def test_every_file_that_is_named_is_there(root, house) -> None:
    """A path that ends with `.py` leads to a file."""
    files = _FILE.findall(house)
    assert files
    assert [file for file in files if not found(root, file).exists()] == []


def test_every_name_is_defined_in_the_file_beside_it(root, house) -> None:
    """Functions, classes and methods are written as `make_plan` (`plans/binding.py`), and are found there."""
    named = named_in(house)
    assert named
    assert [each for each in named if each[0] not in defined_in(found(root, each[1]))] == []


@pytest.mark.parametrize("walk", ["a call", "an option", "an exception", "a map's item"])
def test_every_walk_goes_through_several_files(house, walk: str) -> None:
    """A walk names functions in at least four files."""
    steps = house.partition(f"## The walk of {walk}\n")[2].partition("\n## ")[0]
    assert len({file for _, file in named_in(steps)}) >= 4


def test_every_folder_of_the_core_is_named(root, house) -> None:
    """And so is every folder of the repository that holds code."""
    core = {module.parent.name for module in (root / "core/src/pegboard").glob("*/__init__.py")}
    repository = {file.relative_to(root).parts[0] for file in root.glob("[!.]*/**/*.py")}
    assert core
    assert [folder for folder in sorted(core | repository - {"tools"}) if f"`{folder}/`" not in house] == []


def test_the_order_of_folders_is_that_of_the_contract(root, house) -> None:
    """The picture has the folders of the core as import-linter holds them, the lowest first."""
    settings = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    (contract,) = settings["tool"]["importlinter"]["contracts"]
    picture = re.findall(r"\w+", house.partition("leaves  <-")[2].partition("<-  pegboard")[0])
    assert picture
    assert [layer for layer in reversed(contract["layers"]) if layer in picture] == picture


def test_a_name_that_is_gone_is_found(tmp_path) -> None:
    """The functions of this module see methods, and names that share a file."""
    (tmp_path / "a.py").write_text("class A:\n    def go(self): ...\n\n\nasync def run(): ...\n")
    assert defined_in(tmp_path / "a.py") == {"A", "A.go", "run"}
    assert named_in("`x` and `A.go`, then `B` and `run`\n(`b/a.py`), `c` (`d`)") == [
        ("B", "b/a.py"),
        ("run", "b/a.py"),
    ]
