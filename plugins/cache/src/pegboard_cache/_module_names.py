"""The names of modules, the same in every process."""

from __future__ import annotations

import functools
import sys
from pathlib import PurePath


def module_name(name: str | None) -> str:
    """Name a module; the main program goes by its file, so that an import of it has the same name."""
    return _name_of_main() if name in {"__main__", "__mp_main__"} else str(name)


@functools.cache
def _name_of_main() -> str:
    main = sys.modules["__main__"]
    spec = getattr(main, "__spec__", None)
    if spec is not None:
        return str(spec.name)
    file = getattr(main, "__file__", None)
    return "__main__" if file is None else PurePath(file).stem
