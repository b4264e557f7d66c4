"""Writing results."""

from __future__ import annotations

import json
import sys

import click

from pegboard import texts
from pegboard_cli._failures import ReaderGone, Unwritten


def write(value: object) -> None:
    """Write a result: nothing for None, text and bytes as they are, the rest as JSON where it is JSON, else its repr.

    Raises:
        Unwritten: It could not be.
    """
    if value is None:
        return
    try:
        click.echo(
            value
            if isinstance(value, bytes)
            else texts.encodable(_text(value), texts.encoding_of(sys.stdout))
        )
    except BrokenPipeError:
        raise ReaderGone from None
    except OSError as error:
        raise Unwritten(f"the result cannot be written: {error}") from None


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        return repr(value)
