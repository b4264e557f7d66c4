"""Importing libraries that draw random numbers as they are imported, without the program noticing."""

from __future__ import annotations

import random
import sys
from importlib import import_module


def import_keeping_random_state(name: str) -> None:
    """Import a module, and leave the program's random numbers as they were.

    Plugins may be attached to a program that seeds `random` and counts on what comes next. Where the module is imported
    already, nothing happens. What another thread draws in the middle of the import is drawn again later.

    Args:
        name: As for `importlib.import_module`: the one that draws, before any other that imports it.
    """
    if name not in sys.modules:
        state = random.getstate()
        try:
            import_module(name)
        finally:
            random.setstate(state)
