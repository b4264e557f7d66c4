"""Writing results and failures."""

from __future__ import annotations

import json
import traceback

import click


def write(value: object) -> None:
    """Write a result: nothing for None, text and bytes as they are, the rest as JSON where it is JSON, else its repr."""
    if value is None:
        return
    if isinstance(value, str | bytes):
        click.echo(value)
        return
    try:
        click.echo(json.dumps(value, ensure_ascii=False))
    except (TypeError, ValueError):
        click.echo(repr(value))


def write_failure(error: BaseException, *, sensitive: bool, trace: bool) -> None:
    """Write to stderr what went wrong: type, message and notes; of a sensitive task only the type."""
    if sensitive:
        click.echo(f"{type(error).__name__} (the task is sensitive, so its text is not shown)", err=True)
    elif trace:
        click.echo("".join(traceback.format_exception(error)).rstrip(), err=True)
    else:
        click.echo("".join(traceback.format_exception_only(error)).rstrip(), err=True)
