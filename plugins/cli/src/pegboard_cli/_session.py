"""The session that a command works in."""

from __future__ import annotations

from collections.abc import Iterator

import click

from pegboard import ConfigError, Session, discovery
from pegboard.parts.contexts import context_manager
from pegboard.sessions.configuration import DISABLE_VARIABLE, load_config, refuse_unknown
from pegboard.sessions.default import serving_session
from pegboard_cli._failures import misuse, preparing

plugin_option = click.option(
    "--plugin",
    "plugins",
    multiple=True,
    metavar="NAME",
    help="Attach an installed plugin by its name; may be given several times.",
)


@context_manager
def attached(plugins: tuple[str, ...]) -> Iterator[Session]:
    """Open a session with these plugins beside the configured ones; without any, the default session serves.

    Raises:
        click.UsageError: A plugin is not there, or cannot be attached.
    """
    with preparing():
        serving = serving_session()
        session = Session(*(name for name in plugins if name not in serving.plugins)) if plugins else serving
    if not plugins:
        yield session
        return
    begun = False
    try:
        with serving, session:
            begun = True
            yield session
    except Exception as error:
        if begun:
            raise
        raise misuse(error) from None


def check_configuration() -> None:
    """Refuse a configuration that no session could be made of, whether or not the command needs one.

    Raises:
        PegboardError: It is wrong; or a plugin is to be disabled that is not there, while another has nearly that name.
    """
    config = load_config()
    refuse_unknown(config)
    known = discovery.known_names()
    for name in sorted(config.disabled.difference(known)):
        meant = discovery.did_you_mean(name, known)
        if meant:
            raise ConfigError(
                f"{DISABLE_VARIABLE} or `disable` names {name!r}, and no plugin is called that.{meant}",
                where=DISABLE_VARIABLE,
                key=name,
            )
