"""The plugin as the configuration and the environment set it, for the command line."""

from __future__ import annotations

from typing import Any

from pegboard.environment import noted, settings_of
from pegboard.sessions.configuration import checked_settings, load_config
from pegboard_durable._plugin import Durability


def configured(url: str | None, *, create: bool) -> Durability:
    """Make the plugin that the configuration has, which by itself takes up and deletes nothing.

    Args:
        url: Of the journal, in place of the configured one.
        create: Whether a journal that is missing may be made.

    Raises:
        ConfigError: A setting cannot be used.
    """
    config = load_config()
    name = Durability.name
    given: dict[str, Any] = dict(checked_settings(name, config)) if name in config.plugins else {}
    given |= {keyword: setting.value for keyword, setting in settings_of(name, Durability).items()}
    if url is not None:
        given["url"] = url
    made = Durability(
        **{**given, "create": create and given.get("create", True), "recover": False, "keep": None}
    )
    noted(made)
    return made
