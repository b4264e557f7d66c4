"""Commands that the command line takes over: `pegboard durable`."""

from __future__ import annotations

import json
from collections.abc import Generator, Iterable
from typing import TYPE_CHECKING, Any

import click

from pegboard import PegboardError, Session
from pegboard.parts.contexts import context_manager
from pegboard_durable import _texts
from pegboard_durable._errors import UnknownTask
from pegboard_durable._records import Status
from pegboard_durable._settings import configured
from pegboard_durable.journal import schema as schemas

if TYPE_CHECKING:
    from pegboard_durable._plugin import Durability
    from pegboard_durable._records import AnyRun

_WRONG = frozenset((Status.FAILED, Status.ATTENTION, Status.STUCK, Status.UNDO_FAILED))
_JOURNAL = click.option(
    "--journal", metavar="URL", help="Of the journal; without it, that of the configured plugin."
)
_IMPORT = click.option(
    "--import",
    "modules",
    metavar="MODULE",
    multiple=True,
    help="Import this first, as nothing is imported on behalf of a journal; may be given several times.",
)
_JSON = click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
_RUN = click.argument("run_id", metavar="RUN")


@click.group()
def durable() -> None:
    """Begin, list and resume durable runs.

    Exits 0, 1 where a run failed or wants a look, 2 for a misuse, or a journal that cannot be used.
    """


# Running.


@durable.command(context_settings={"allow_interspersed_args": False})
@_JOURNAL
@click.option("--id", "run_id", metavar="ID", help="Of the run; without it, one is made.")
@click.argument("target", metavar="MODULE:TASK")
@click.argument("words", nargs=-1, type=click.UNPROCESSED, metavar="[ARG ...] [--NAME VALUE ...]")
def start(journal: str | None, run_id: str | None, target: str, words: tuple[str, ...]) -> None:
    """Run a task as a durable run: MODULE:TASK, or path/to/file.py:TASK, and its arguments.

    A run of an ID that is there already goes on, or answers with what it came to.
    """
    root = _root()
    task = root.target.convert(target, None, click.get_current_context())
    with _serving(journal, create=True) as durability:
        bound = root.arguments(task, words)
        with _as_misuse():
            run = durability.run(task, *bound.args, run_id=run_id, **bound.kwargs)
        _tell(durability, run)


@durable.command()
@_JOURNAL
@_IMPORT
@_RUN
def resume(journal: str | None, modules: tuple[str, ...], run_id: str) -> None:
    """Go on with RUN."""
    with _serving(journal, modules) as durability:
        _tell(durability, durability.resume(run_id))


@durable.command()
@_JOURNAL
@_IMPORT
@click.option(
    "--from", "from_step", metavar="STEP", help="Have this step run again, and all that began after it."
)
@_RUN
def retry(journal: str | None, modules: tuple[str, ...], from_step: str | None, run_id: str) -> None:
    """Go on with RUN, which failed, or wanted a look: errors run again, what is done is kept.

    A STEP is a key, as `show` lists them.
    """
    with _serving(journal, modules) as durability:
        _tell(durability, durability.retry(run_id, from_step=from_step))


@durable.command()
@_JOURNAL
@click.argument("modules", nargs=-1, required=True, metavar="MODULE ...")
def recover(journal: str | None, modules: tuple[str, ...]) -> None:
    """Take up all runs whose processes died, and those that were suspended and are due; their tasks are in MODULE."""
    with _serving(journal, modules) as durability:
        runs = durability.recover()
        for run in runs:
            click.echo(_texts.outcome(run, _why(durability, run)))
    _end([run.status for run in runs])


@durable.command()
@_JOURNAL
@_IMPORT
@_RUN
def cancel(journal: str | None, modules: tuple[str, ...], run_id: str) -> None:
    """Have RUN end at its next step, after its undos; one that nobody works on ends at once.

    To undo steps here, the module of its task is to be given.
    """
    with _serving(journal, modules) as durability:
        run = durability.cancel(run_id)
        asked = run.status in (Status.RUNNING, Status.PENDING)
        told = f"{run.id} is {run.status}, and is to end" if asked else _texts.outcome(run, "")
    click.echo(told)
    _end([Status.UNDO_FAILED] if run.status is Status.UNDO_FAILED else [])


@durable.command()
@_JOURNAL
@_IMPORT
@click.option("--check", is_flag=True, help="Exit with 1 where the program does something else.")
@_RUN
def replay(journal: str | None, modules: tuple[str, ...], check: bool, run_id: str) -> None:
    """Run RUN's own code with what is recorded, no step of it, and tell whether the program still does the same.

    With --check it is a gate for a program of which runs are under way.
    """
    with _serving(journal, modules) as durability:
        found = durability.replay(run_id)
    _echo(_texts.replay(found))
    if check and not found.ok:
        click.get_current_context().exit(1)


# Looking.


@durable.command("list")
@_JOURNAL
@click.option(
    "--status",
    type=click.Choice([str(status) for status in Status], case_sensitive=False),
    help="Only runs that stand so.",
)
@_JSON
def list_(journal: str | None, status: str | None, as_json: bool) -> None:
    """List runs, the oldest first."""
    with _open(journal) as durability:
        runs = durability.runs(status and Status(status.upper()))
    _echo(map(json.dumps, map(_texts.as_object, runs)) if as_json else _texts.table(runs))


@durable.command()
@_JOURNAL
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@_RUN
def show(journal: str | None, as_json: bool, run_id: str) -> None:
    """Show RUN: how it stands, the changes of its status, and its steps; no values."""
    with _open(journal) as durability:
        run = durability.get(run_id)
        changes = durability.journal.changes(run_id)
        steps = list(durability.journal.steps(run_id).values())
    if as_json:
        click.echo(json.dumps(_texts.in_full(run, changes, steps)))
    else:
        _echo(_texts.lines_in_full(run, changes, steps))


@durable.command()
@_JOURNAL
@click.option("--id", "signal_id", metavar="ID", help="Sent twice with the same one, it is one signal.")
@_RUN
@click.argument("name")
@click.argument("value", required=False)
def signal(journal: str | None, signal_id: str | None, run_id: str, name: str, value: str | None) -> None:
    """Send RUN the signal NAME, with VALUE: JSON, or else a text."""
    with _open(journal) as durability:
        is_new = durability.signal(run_id, name, _value(value), id=signal_id)
    click.echo("sent" if is_new else "was sent before")


# The journal.


@durable.command()
@_JOURNAL
@click.option("--keep", type=click.FloatRange(min=0), default=0.0, help="Seconds that they stay.")
def gc(journal: str | None, keep: float) -> None:
    """Delete runs that are over, with all that is recorded of them."""
    with _open(journal) as durability:
        count = durability.gc(keep)
    click.echo(f"{count} run{'' if count == 1 else 's'} deleted")


@durable.command()
@_JOURNAL
@click.option("--sql", is_flag=True, help="Write the statements for that, and do nothing.")
def migrate(journal: str | None, sql: bool) -> None:
    """Make the tables that are missing, and bring the others to the version that this program needs."""
    with _open(journal, create=True) as durability:
        if sql:
            _echo(schemas.statements_for(durability.journal))
        else:
            click.echo(f"{durability.journal.address} has tables of version {durability.migrate()}")


@durable.command()
@_JOURNAL
@click.option("--sql", is_flag=True, help="Write the statements that make them.")
def schema(journal: str | None, sql: bool) -> None:
    """Write which tables a journal has, for a database whose user may make none."""
    with _open(journal, create=True) as durability:
        _echo(schemas.making(durability.journal) if sql else schemas.described())


# The rest is private.


def _root() -> Any:
    """Return the command `pegboard`, which finds tasks and reads their arguments."""
    root: Any = click.get_current_context().find_root().command
    if not hasattr(root, "arguments"):
        raise click.UsageError("this is a command of pegboard: pegboard durable ...")
    return root


@context_manager
def _open(journal: str | None, *, create: bool = False) -> Generator[Durability]:
    """Use a journal without a session: nothing runs."""
    durability = configured(journal, create=create)
    try:
        yield durability
    finally:
        durability.journal.close()


@context_manager
def _serving(
    journal: str | None, modules: Iterable[str] = (), *, create: bool = False
) -> Generator[Durability]:
    """Open a session in which runs go on."""
    for module in modules:
        _root().module(module)
    durability = configured(journal, create=create)
    try:
        with Session(durability, configured=True):
            yield durability
    except UnknownTask as error:
        raise click.UsageError(
            f"run {error.run_id!r} is one of {error.task}, which is not loaded. Give its module: --import {error.task.partition(':')[0]}"
        ) from None


@context_manager
def _as_misuse() -> Generator[None]:
    """Have a task that is not durable be a misuse: what a run's own code raises is in the run."""
    try:
        yield
    except PegboardError:
        raise
    except TypeError as error:
        raise click.UsageError(str(error)) from None


def _tell(durability: Durability, run: AnyRun) -> None:
    """Write what a run came to: its value, or how it stands."""
    if run.status is Status.DONE:
        _root().write(run.value)
        return
    is_wrong = run.status in _WRONG or run.status is Status.RUNNING
    click.echo(_texts.outcome(run, _why(durability, run)), err=is_wrong)
    if is_wrong:
        click.get_current_context().exit(1)


def _why(durability: Durability, run: AnyRun) -> str:
    changes = durability.journal.changes(run.id)
    return changes[-1][-1] if changes else ""


def _end(statuses: Iterable[Status]) -> None:
    if _WRONG.intersection(statuses):
        click.get_current_context().exit(1)


def _value(word: str | None) -> Any:
    if word is None:
        return None
    try:
        return json.loads(word)
    except ValueError:
        return word


def _echo(lines: Iterable[str]) -> None:
    for line in lines:
        click.echo(line)
