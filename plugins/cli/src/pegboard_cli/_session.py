"""The session that a command works in."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click

from pegboard import PegboardError, Session

plugin_option = click.option(
    "--plugin",
    "plugins",
    multiple=True,
    metavar="NAME",
    help="Attach an installed plugin by its name; may be given several times.",
)


@contextmanager
def attached(plugins: tuple[str, ...]) -> Iterator[Session | None]:
    """Open a session with these plugins; without any, the process-wide default session serves.

    Raises:
        click.UsageError: A plugin is not there, or cannot be attached.
    """
    if not plugins:
        yield None
        return
    try:
        session: Any = Session(*plugins)
    except PegboardError as error:
        raise click.UsageError(str(error)) from None
    with session:
        yield session
