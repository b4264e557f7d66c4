"""Whose code is one's own: an edit of it makes another function, while other packages are known by their names."""

from __future__ import annotations

import functools
import importlib.machinery
import os
import sys
import sysconfig
import types
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs

from pegboard_cache._module_names import module_name

_INSTALLED = frozenset(("site-packages", "dist-packages"))


@attrs.frozen
class OwnCode:
    """The code that is edited together with a function: its package, and what lies beside that.

    Attributes:
        package: Its top-level package.
        folder: Where that lies: a script's helpers are modules beside it. None among installed packages, whose
            neighbours are strangers, and where there is no file.
    """

    package: str
    folder: str | None

    @classmethod
    def of(cls, module: str, names: Mapping[str, Any]) -> OwnCode:
        """Tell for a function or a class, by the name of its module, the same in every process, and what it sees there."""
        package = _package(module)
        if names.get("__name__") in {"__main__", "__mp_main__"} and not names.get("__package__"):
            # Not asked by module: in a worker process, the main program is another one.
            file = names.get("__file__")
            return cls(package, _beside(file if isinstance(file, str) else os.path.join(os.getcwd(), "_")))  # noqa: PTH109, PTH118 - a notebook's helpers are where it runs
        return cls(package, _folder_of(package))

    def has(self, module: str | None) -> bool:
        """Whether a module is own code."""
        package = _package(module)
        return package == self.package or (self.folder is not None and _folder_of(package) == self.folder)


def _package(module: str | None) -> str:
    return module_name(module).partition(".")[0]


def _folder_of(package: str) -> str | None:
    """Where a top-level package or module lies, loaded or not; nothing is imported for it."""
    loaded = sys.modules.get(package)
    file = _file_of_module(loaded) if isinstance(loaded, types.ModuleType) else _file_to_load(package)
    return None if file is None else _beside(file)


def _file_of_module(module: types.ModuleType) -> str | None:
    """The file of a module, or the folder of a package."""
    found = vars(module).get("__path__")
    if found is not None:
        return next(iter(found), None)
    file = vars(module).get("__file__")
    return file if isinstance(file, str) else None


def _file_to_load(package: str) -> str | None:
    spec = importlib.machinery.PathFinder.find_spec(package)
    if spec is None:
        return None
    folders = spec.submodule_search_locations
    return next(iter(folders), None) if folders else spec.origin


@functools.lru_cache(1024)
def _beside(file: str) -> str | None:
    folder = os.path.dirname(os.path.realpath(file))  # noqa: PTH120
    installed = folder in _standard_library() or not _INSTALLED.isdisjoint(Path(folder).parts)
    return None if installed else folder


@functools.cache
def _standard_library() -> frozenset[str]:
    found = [Path(sysconfig.get_path(name)).resolve() for name in ("stdlib", "platstdlib")]
    return frozenset(str(each) for path in found for each in (path, path / "lib-dynload"))
