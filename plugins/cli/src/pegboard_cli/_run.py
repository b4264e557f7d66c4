"""`pegboard run`."""

from __future__ import annotations

import asyncio
import inspect
from typing import TYPE_CHECKING, Any

import click

from pegboard.sessions.default import serving_session
from pegboard_cli._arguments import fit, hints_of, usage
from pegboard_cli._output import write, write_failure
from pegboard_cli._session import attached, plugin_option
from pegboard_cli._target import INTERRUPTED, Target

if TYPE_CHECKING:
    from pegboard import Session, Task


@click.command(
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False},
    epilog="Options of the command go before the task, the task's own arguments after it.",
)
@plugin_option
@click.option("--traceback", "trace", is_flag=True, help="Show where a failed task raised.")
@click.argument("target", type=Target(), metavar="MODULE:TASK")
@click.argument("words", nargs=-1, type=click.UNPROCESSED, metavar="[ARG ...] [--NAME VALUE ...]")
@click.pass_context
def run(
    context: click.Context,
    plugins: tuple[str, ...],
    target: Task[..., Any],
    words: tuple[str, ...],
    *,
    trace: bool,
) -> None:
    """Run a task: MODULE:TASK, or path/to/file.py:TASK.

    Arguments are converted by the task's annotations. The result is written to stdout, as JSON where it is no text; the
    items of a stream come one a line. Exits 0, 1 when the task fails, 2 for a misuse.
    """
    session: Session | None = None
    try:
        with attached(plugins) as session:
            signature = _callers_part(target, session or serving_session())
            if words in (("--help",), ("-h",)):
                click.echo(f"{target.name} {usage(signature)}\n\n{target.description}".rstrip())
                return
            bound = fit(words, signature, hints_of(target.__wrapped__), sensitive=target.sensitive)
            _run(target, bound.args, bound.kwargs)
    except KeyboardInterrupt:
        click.echo("interrupted", err=True)
        context.exit(INTERRUPTED)
    except (click.ClickException, click.exceptions.Exit):
        raise
    except Exception as error:  # noqa: BLE001 - the task's own, whatever it is
        masks = (session or serving_session()).masks
        write_failure(error, masks.mask, sensitive=target.sensitive, trace=trace)
        context.exit(1)


def _callers_part(task: Task[..., Any], session: Session) -> inspect.Signature:
    """The task's signature without what its plugins fill in."""
    provided = session.explain(task).provided
    parameters = task.signature.parameters.values()
    return task.signature.replace(parameters=[each for each in parameters if each.name not in provided])


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
