"""How a command ends that did not end well: a few lines, and an exit code that tells why.

1 is a task that failed, 2 a command that could not begin: misuse, a wrong configuration, a module that cannot be imported.
"""

from __future__ import annotations

import logging
import os
import select
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import click

from pegboard import PegboardError, texts
from pegboard.parts.contexts import context_manager
from pegboard.privacy import is_sensitive

INTERRUPTED = 130  # 128 + SIGINT, as a shell reports it
_READER_GONE = 141  # 128 + SIGPIPE
_PARTS_MOST = 3
_TRACEBACK = "pegboard.traceback"
_LAYOUT = "\n\t"


class Unwritten(click.ClickException):
    """Raised where a result cannot be written."""


class ReaderGone(Unwritten):
    """Raised when whoever read the output has left, as with `pegboard run ... | head`: nobody's failure, and quiet."""

    exit_code = _READER_GONE

    def __init__(self) -> None:
        super().__init__("the reader of the output has left")
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what is still buffered goes nowhere

    def show(self, file: object = None) -> None:
        """Say nothing."""


def _remember(context: click.Context, _: click.Parameter, value: bool) -> None:
    if value:
        context.meta[_TRACEBACK] = True


traceback_option = click.option(
    "--traceback",
    is_flag=True,
    is_eager=True,  # known before a task is imported
    expose_value=False,
    callback=_remember,
    help="Show where an error was raised.",
)


class _Brief(logging.Formatter):
    """Writes what Pegboard logs where nobody configured logging: an error's type and text in place of its traceback."""

    def __init__(self, meta: Mapping[str, object]) -> None:
        super().__init__()
        self._meta = meta

    def format(self, record: logging.LogRecord) -> str:
        """Write a record."""
        error = record.exc_info[1] if record.exc_info else None
        if error is None or not record.name.startswith("pegboard") or _TRACEBACK in self._meta:
            return super().format(record)
        return _shown(f"{record.getMessage()} ({_in_short(error)})")


@context_manager
def in_few_lines() -> Iterator[None]:
    """Around a whole command: whatever it raises becomes some lines and an exit code."""
    if logging.lastResort is not None:
        logging.lastResort.setFormatter(_Brief(click.get_current_context().meta))
    try:
        yield
        if sys.stdout is not None:  # closed before we began
            sys.stdout.flush()
    except (click.ClickException, click.exceptions.Exit, click.Abort):
        raise
    except KeyboardInterrupt:
        click.echo("interrupted", err=True)
        raise click.exceptions.Exit(INTERRUPTED) from None
    except Exception as error:  # noqa: BLE001 - whatever it is
        if reader_is_gone(error):
            raise ReaderGone from None
        if isinstance(error, PegboardError):
            raise misuse(error) from None
        write_failure(error)
        raise click.exceptions.Exit(1) from None


@context_manager
def preparing(what: str = "") -> Iterator[None]:
    """Around what comes before a task runs: what goes wrong is a misuse.

    Raises:
        click.UsageError: Something did.
    """
    try:
        yield
    except (click.ClickException, click.exceptions.Exit):
        raise
    except Exception as error:  # noqa: BLE001 - whatever it is
        raise misuse(error, what) from None


def misuse(error: Exception, what: str = "") -> click.UsageError:
    """Say in a sentence what kept a command from doing anything."""
    context = click.get_current_context()
    if context.meta.get(_TRACEBACK):
        click.echo(_shown("".join(traceback.format_exception(error))), err=True)
    told = (
        " ".join(str(error).splitlines())
        if isinstance(error, PegboardError)
        else f"{_in_short(error)}{_place_of(error)}"
    )
    return click.UsageError(_shown(f"{what}{told}"), context)


def reader_is_gone(error: BaseException) -> bool:
    """Whether this was raised because nobody reads stdout any more."""
    if not isinstance(error, BrokenPipeError) or not hasattr(select, "poll"):
        return isinstance(error, BrokenPipeError)
    pipe = select.poll()
    pipe.register(sys.stdout.fileno(), 0)
    return any(state & select.POLLERR for _, state in pipe.poll(0))


def write_failure(error: BaseException, mask: Callable[[str], str] = str, *, sensitive: bool = False) -> None:
    """Write to stderr what went wrong: type, message and notes, without known secrets; of a sensitive task only the type."""
    if sensitive or is_sensitive(error):
        click.echo(f"{type(error).__name__} (the task is sensitive, so its text is not shown)", err=True)
        return
    if click.get_current_context().meta.get(_TRACEBACK):
        lines = traceback.format_exception(error)
    else:
        lines = [*traceback.format_exception_only(error), *_parts(error)]
    click.echo(_shown(mask("".join(lines)).rstrip()), err=True)


def _parts(error: BaseException) -> Iterator[str]:
    """Tell the first errors of a group, which itself says only how many there are."""
    if isinstance(error, BaseExceptionGroup):
        for part in error.exceptions[:_PARTS_MOST]:
            yield f"  {type(part).__name__ if is_sensitive(part) else _in_short(part)}\n"


def _in_short(error: BaseException) -> str:
    return "".join(traceback.format_exception_only(type(error), error)[-1:]).partition("\n")[0]


def _place_of(error: BaseException) -> str:
    """Tell the last line of a program that an error went through."""
    if isinstance(error, SyntaxError) and error.filename:
        return f" ({error.filename}, line {error.lineno})"
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if Path(frame.filename).is_file()]
    own = [frame for frame in frames if Path(frame.filename).parent != Path(__file__).parent]
    return f" ({own[-1].filename}, line {own[-1].lineno})" if own else ""


def _shown(text: str) -> str:
    return texts.without_control(text, keep=_LAYOUT)
