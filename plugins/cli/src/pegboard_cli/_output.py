"""Writing results and failures."""

from __future__ import annotations

import json
import os
import sys
import traceback
from collections.abc import Callable

import click

from pegboard.privacy import is_sensitive

READER_GONE = 141  # 128 + SIGPIPE, as a shell reports a program that lost its reader


def write(value: object) -> None:
    """Write a result: nothing for None, text and bytes as they are, the rest as JSON where it is JSON, else its repr."""
    if value is None:
        return
    try:
        click.echo(value if isinstance(value, str | bytes) else _text(value))
    except BrokenPipeError:  # `pegboard run ... | head`: not the task's failure
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what is still buffered goes nowhere
        raise click.exceptions.Exit(READER_GONE) from None


def _text(value: object) -> str:
    try:
        return json.dumps(value, ensure_ascii=False)
    except (TypeError, ValueError):
        return repr(value)


def write_failure(error: BaseException, mask: Callable[[str], str], *, sensitive: bool, trace: bool) -> None:
    """Write to stderr what went wrong: type, message and notes, without known secrets; of a sensitive task only the type."""
    if sensitive or is_sensitive(error):
        click.echo(f"{type(error).__name__} (the task is sensitive, so its text is not shown)", err=True)
        return
    lines = traceback.format_exception(error) if trace else traceback.format_exception_only(error)
    click.echo(mask("".join(lines)).rstrip(), err=True)
