"""The session that a command works in."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import click

from pegboard import Call, PegboardError, Session, Task, current_call

plugin_option = click.option(
    "--plugin",
    "plugins",
    multiple=True,
    metavar="NAME",
    help="Attach an installed plugin by its name; may be given several times.",
)


@contextmanager
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


def serving_session() -> Session:
    """The session that serves calls made here: by default the one of the process, made from its configuration."""
    call: Call | None = Task(current_call).run().unwrap()  # a task is what every session serves
    assert call is not None  # noqa: S101 - for the type checker: inside a task there is a call
    return call.session
