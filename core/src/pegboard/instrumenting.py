"""For tools around tasks: which session serves here, and plugins that every session of the process gets."""

from __future__ import annotations

from pegboard import _everywhere
from pegboard._default import DEFAULT
from pegboard._running import serving_session

__all__ = ["attach_everywhere", "detach_everywhere", "serving_session"]


def attach_everywhere(name: str) -> None:
    """Have every outermost session that starts from now on, the default one included, attach an installed plugin.

    A session that has a plugin of that name keeps its own, and one that disables the name does without. Tasks that are called
    outside of any session are then served by the default one.

    Args:
        name: Name of an installed plugin, which is made with its defaults.
    """
    _everywhere.add(name)
    DEFAULT.reconsider()


def detach_everywhere(name: str) -> None:
    """Take `attach_everywhere` back, for sessions that start from now on."""
    _everywhere.remove(name)
    DEFAULT.reconsider()
