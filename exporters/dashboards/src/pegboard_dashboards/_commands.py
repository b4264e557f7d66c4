"""Commands that the command line takes over: `pegboard rules`, `pegboard dashboards`, `pegboard slo`."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from pegboard_dashboards._writing import write_dashboards, write_rules
from pegboard_dashboards.rules.alerts import Thresholds
from pegboard_dashboards.rules.rule import RUNBOOKS
from pegboard_dashboards.rules.slo import SLO

_PLACE = re.compile(r"(?:.*\.py|[^\W\d]\w*(?:\.[^\W\d]\w*)*):[^\W\d]\w*(?:\.[^\W\d]\w*)*")
_RUNBOOKS = click.option(
    "--runbooks",
    metavar="URL",
    default=RUNBOOKS,
    show_default=True,
    help="Page that tells what to do about the alerts.",
)
_FOLDER = click.Path(file_okay=False, path_type=Path)


@click.command()
@click.argument("folder", type=_FOLDER, metavar="DIR")
@click.option("--objective", type=float, help="Per cent of the calls of every task that are to succeed.")
@click.option("--min-calls", type=int, help="Calls below which a task's error ratio says too little.")
@click.option("--no-success", metavar="TIME", help="How long a task that is tried may go without success.")
@click.option("--stuck", metavar="TIME", help="How old the oldest active call may get.")
@click.option("--breaker-open", metavar="TIME", help="How long a circuit breaker may be open.")
@click.option("--abandoned", type=int, help="Threads that may go on behind their timeouts.")
@_RUNBOOKS
def rules(folder: Path, runbooks: str, **given: Any) -> None:
    """Write rules for Prometheus into DIR: recording rules, alerts, and an example of its configuration.

    A TIME is seconds, or a text such as 90s, 15m, 26h, 1.5d.
    """
    with _as_misuse():
        thresholds = Thresholds(**{name: value for name, value in given.items() if value is not None})
        _print_paths(lambda: write_rules(folder, thresholds, runbooks=runbooks))


@click.command()
@click.argument("folder", type=_FOLDER, metavar="DIR")
def dashboards(folder: Path) -> None:
    """Write dashboards for Grafana into DIR: an overview, one task, saturation."""
    _print_paths(lambda: write_dashboards(folder))


@click.command()
@click.argument("task")
@click.option("--objective", type=float, default=99.0, show_default=True, help="Per cent of its calls.")
@click.option("--latency", metavar="TIME", help="Within which a call has to end to count.")
@click.option("--fresh", metavar="TIME", help="How long ago the last success may be.")
@click.option(
    "--window", metavar="TIME", default="30d", show_default=True, help="Over which the budget counts."
)
@click.option("--job", help="Of the scrape configuration, where several have such a task.")
@_RUNBOOKS
def slo(task: str, objective: float, window: str, runbooks: str, **given: str | None) -> None:
    """Write the rule file of an objective of TASK to stdout: recorded error ratios, the budget left, alerts.

    TASK is MODULE:TASK, or path/to/file.py:TASK, or the task's static name. A TIME is seconds, or a text such as 500ms, 90s,
    15m, 26h, 1.5d.
    """
    with _as_misuse():
        text = SLO(_named(task), objective, window=window, **given).to_yaml(runbooks)
    click.echo(text, nl=False)


def _named(text: str) -> Any:
    """Find a task as `pegboard run` does where a place is written; else it is the name."""
    if not _PLACE.fullmatch(text):
        return text
    context = click.get_current_context()
    found = getattr(context.find_root().command, "target", None)
    if found is None:
        raise click.UsageError(
            f"to find {text!r}, call this as a command of pegboard; or write the task's name."
        )
    return found.convert(text, None, context)


@contextmanager
def _as_misuse() -> Iterator[None]:
    try:
        yield
    except ValueError as error:
        raise click.UsageError(str(error)) from None


def _print_paths(write: Callable[[], list[Path]]) -> None:
    try:
        paths = write()
    except OSError as error:
        raise click.ClickException(f"cannot write: {error}") from None
    for path in paths:
        click.echo(str(path))
