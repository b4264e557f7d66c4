"""`pegboard run`."""

from __future__ import annotations

import asyncio
import inspect
from typing import TYPE_CHECKING, Any

import click

from pegboard_cli._annotations import hints_of
from pegboard_cli._arguments import callers_part, fit
from pegboard_cli._failures import (
    ReaderGone,
    Unwritten,
    preparing,
    reader_is_gone,
    traceback_option,
    write_failure,
)
from pegboard_cli._output import write
from pegboard_cli._session import attached, plugin_option
from pegboard_cli._target import Target
from pegboard_cli._usage import parameters, usage

if TYPE_CHECKING:
    from pegboard import Session, Task


@click.command(
    context_settings={"allow_interspersed_args": False},
    epilog="Options of the command go before the task, the task's own arguments after it.",
)
@plugin_option
@traceback_option
@click.argument("target", type=Target(), metavar="MODULE:TASK")
@click.argument("words", nargs=-1, type=click.UNPROCESSED, metavar="[ARG ...] [--NAME VALUE ...]")
def run(plugins: tuple[str, ...], target: Task[..., Any], words: tuple[str, ...]) -> None:
    """Run a task: MODULE:TASK, or path/to/file.py:TASK.

    Arguments are converted by the task's annotations. The result is written to stdout, as JSON where it is no text; the
    items of a stream come one a line. Exits 0, 1 when the task fails, 2 for a misuse.
    """
    with attached(plugins) as session:
        with preparing():
            signature = callers_part(target, session)
            hints = hints_of(target.__wrapped__, signature)
        if _asks_for_help(words, signature):
            _write_help(target, signature, hints)
            return
        bound = fit(words, signature, hints, sensitive=target.sensitive)
        _tell_failure(target, bound, session)


def _asks_for_help(words: tuple[str, ...], signature: inspect.Signature) -> bool:
    return words == ("-h",) or ("--help" in words and "help" not in signature.parameters)


def _write_help(task: Task[..., Any], signature: inspect.Signature, hints: dict[str, Any]) -> None:
    parts = (
        f"{task.name} {usage(signature, hints)}",
        task.description,
        parameters(signature, hints, sensitive=task.sensitive).rstrip(),
    )
    click.echo("\n\n".join(filter(None, parts)))


def _tell_failure(task: Task[..., Any], bound: inspect.BoundArguments, session: Session) -> None:
    """Run a task, and tell how it failed, whatever it raised; what ends a program goes on."""
    try:
        _run(task, bound.args, bound.kwargs)
    except (Unwritten, KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # noqa: BLE001 - the task's own, whatever it is
        if reader_is_gone(error):
            raise ReaderGone from None
        write_failure(error, session.masks.mask, sensitive=task.sensitive)
        raise click.exceptions.Exit(1) from None


def _run(task: Task[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    if task.kind == "generator":
        for item in task(*args, **kwargs):
            write(item)
    elif task.kind == "async_generator":
        asyncio.run(_write_items(task(*args, **kwargs)))
    else:
        write(task.run(*args, **kwargs).unwrap())


async def _write_items(stream: Any) -> None:
    async for item in stream:
        write(item)
