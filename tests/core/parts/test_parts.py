"""The parts: public names, each loaded when it is asked for."""

from __future__ import annotations

import subprocess
import sys

import pytest

from pegboard import parts


def fresh(program: str) -> str:
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.mark.parametrize("name", parts.__all__)
def test_every_public_name_is_there(name) -> None:
    """And can be imported from the package."""
    assert fresh(f"from pegboard.parts import {name}; print({name}.__class__.__name__)")


def test_an_unknown_name_is_an_attribute_error() -> None:
    """As with any module."""
    with pytest.raises(AttributeError, match=r"module 'pegboard\.parts' has no attribute 'Foreground'"):
        parts.Foreground  # noqa: B018 - the access raises


def test_no_thread_of_a_part_is_loaded_unasked() -> None:
    """Neither by `import pegboard`, which checks and measures, nor by who registers for forks."""
    for program in ("import pegboard", "from pegboard.parts import after_fork"):
        printed = fresh(
            f"import sys; {program}; "
            "print(*(name for name in ('background', 'periodic') if f'pegboard.parts.{name}' in sys.modules))"
        )
        assert printed == ""
