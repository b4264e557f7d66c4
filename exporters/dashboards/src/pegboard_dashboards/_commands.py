"""Commands that the command line takes over: `pegboard rules`, `pegboard dashboards`, `pegboard slo`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from pegboard_dashboards._writing import write_dashboards, write_rules
from pegboard_dashboards.rules.alerts import Thresholds
from pegboard_dashboards.rules.slo import SLO

_FOLDER = click.Path(file_okay=False, path_type=Path)


@click.command()
@click.argument("folder", type=_FOLDER, metavar="DIR")
@click.option("--objective", type=float, help="Per cent of the calls of every task that are to succeed.")
@click.option("--min-calls", type=int, help="Calls below which a task's error ratio says too little.")
@click.option("--no-success", metavar="TIME", help="How long a task that is tried may go without success.")
@click.option("--stuck", metavar="TIME", help="How old the oldest active call may get.")
@click.option("--breaker-open", metavar="TIME", help="How long a circuit breaker may be open.")
@click.option("--abandoned", type=int, help="Threads that may go on behind their timeouts.")
def rules(folder: Path, **given: Any) -> None:
    """Write rules for Prometheus into DIR: recording rules, alerts, and an example of its configuration.

    A TIME is written as in Prometheus: 90s, 15m, 26h.
    """
    try:
        thresholds = Thresholds(**{name: value for name, value in given.items() if value is not None})
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    _print_paths(lambda: write_rules(folder, thresholds))


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
def slo(task: str, objective: float, window: str, **given: str | None) -> None:
    """Write the rule file of an objective of TASK to stdout: recorded error ratios, the budget left, alerts.

    A TIME is written as in Prometheus: 500ms, 90s, 15m, 26h.
    """
    try:
        made = SLO(task, objective, window=window, **given)
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    click.echo(made.to_yaml(), nl=False)


def _print_paths(write: Callable[[], list[Path]]) -> None:
    try:
        paths = write()
    except OSError as error:
        raise click.ClickException(f"cannot write: {error}") from None
    for path in paths:
        click.echo(str(path))
