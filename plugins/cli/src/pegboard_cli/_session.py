"""The session that a command works in."""

from __future__ import annotations

from collections.abc import Iterator

import click

from pegboard import PegboardError, Session
from pegboard.parts.contexts import context_manager
from pegboard.sessions.default import serving_session

plugin_option = click.option(
    "--plugin",
    "plugins",
    multiple=True,
    metavar="NAME",
    help="Attach an installed plugin by its name; may be given several times.",
)


@context_manager
def attached(plugins: tuple[str, ...]) -> Iterator[Session | None]:
    """Open a session with these plugins beside the configured ones; without any, the default session serves.

    Raises:
        click.UsageError: A plugin is not there, or cannot be attached.
    """
    if not plugins:
        yield None
        return
    try:
        serving = serving_session()
        session = Session(*(name for name in plugins if name not in serving.plugins))
    except PegboardError as error:
        raise click.UsageError(str(error)) from None
    with serving, session:
        yield session
