"""Whose code is one's own."""

from __future__ import annotations

import json

import numpy as np
import pytest

from pegboard_cache.keys.own_code import OwnCode


@pytest.fixture
def beside(tmp_path, monkeypatch):
    """A folder of programs, where modules are found."""
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "helper_beside.py").touch()
    (tmp_path / "package_beside").mkdir()
    (tmp_path / "package_beside" / "__init__.py").touch()
    return tmp_path


@pytest.mark.parametrize("module", ["helper_beside", "package_beside", "package_beside.sub"])
@pytest.mark.parametrize("name", ["__main__", "program"])
def test_beside_a_program(beside, module, name):
    """What lies beside a program is its own, loaded or not."""
    (beside / "program.py").touch()
    names = {"__name__": name, "__file__": str(beside / "program.py")}
    assert OwnCode.of("program", names).has(module)


def test_beside_a_notebook(beside, monkeypatch):
    """The helpers of a program without a file are where it runs."""
    monkeypatch.chdir(beside)
    assert OwnCode.of("__main__", {"__name__": "__main__"}).has("helper_beside")


@pytest.mark.parametrize("module", [np, json], ids=["installed", "standard library"])
def test_installed(beside, module):
    """An installed package has no neighbours of its own, only itself."""
    own = OwnCode.of(module.__name__, vars(module))
    assert own.has(f"{module.__name__}.sub")
    assert not any(own.has(name) for name in ("pandas", "csv", "helper_beside"))


def test_other_packages_are_not_own(beside):
    """A program does not own what is installed, nor what is nowhere."""
    own = OwnCode.of("program", {"__name__": "__main__", "__file__": str(beside / "program.py")})
    assert not any(own.has(name) for name in ("numpy", "json", "nowhere", "builtins", "pegboard"))
