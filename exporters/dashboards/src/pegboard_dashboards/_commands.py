"""Commands that the command line takes over: `pegboard rules`, `pegboard dashboards`, `pegboard slo`."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from pegboard_dashboards._writing import rule_groups, write_dashboards, write_rules
from pegboard_dashboards.rules.alerts import Thresholds
from pegboard_dashboards.rules.kubernetes import PrometheusRule
from pegboard_dashboards.rules.rule import RUNBOOKS, to_yaml
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


def _kubernetes(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options of the resource that a Prometheus operator takes."""
    for option in (
        click.option(
            "--label", "labels", metavar="KEY=VALUE", multiple=True, help="A label of it, as in release=NAME."
        ),
        click.option("--namespace", metavar="NAME", help="Its namespace."),
        click.option("--name", metavar="NAME", help="The name of that resource."),
        click.option(
            "--kubernetes", is_flag=True, help="Write one PrometheusRule, for a Prometheus operator."
        ),
    ):
        command = option(command)
    return command


@click.command()
@click.argument("folder", type=_FOLDER, metavar="[DIR]", required=False)
@click.option("--objective", type=float, help="Per cent of the calls of every task that are to succeed.")
@click.option("--min-calls", type=int, help="Calls below which a task's error ratio says too little.")
@click.option("--no-success", metavar="TIME", help="How long a task that is tried may go without success.")
@click.option("--stuck", metavar="TIME", help="How old the oldest active call may get.")
@click.option("--breaker-open", metavar="TIME", help="How long a circuit breaker may be open.")
@click.option("--abandoned", type=int, help="Threads that may go on behind their timeouts.")
@_RUNBOOKS
@_kubernetes
def rules(
    folder: Path | None,
    runbooks: str,
    kubernetes: bool,
    name: str | None,
    namespace: str | None,
    labels: tuple[str, ...],
    **given: Any,
) -> None:
    """Write rules for Prometheus into DIR: recording rules, alerts, and an example of its configuration.

    With --kubernetes, all rules are one PrometheusRule, in a file of DIR; without DIR it goes to stdout.

    A TIME is seconds, or a text such as 90s, 15m, 26h, 1.5d.
    """
    with _as_misuse():
        resource = _resource("pegboard", kubernetes, name, namespace, labels)
        thresholds = Thresholds(**{key: value for key, value in given.items() if value is not None})
        if folder is not None:
            _print_paths(lambda: write_rules(folder, thresholds, runbooks=runbooks, kubernetes=resource))
        elif resource is not None:
            click.echo(resource.to_yaml(rule_groups(thresholds, runbooks=runbooks)), nl=False)
        else:
            raise click.UsageError("Missing argument 'DIR'; only with --kubernetes the rules go to stdout.")


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
@_kubernetes
def slo(
    task: str,
    objective: float,
    window: str,
    runbooks: str,
    kubernetes: bool,
    name: str | None,
    namespace: str | None,
    labels: tuple[str, ...],
    **given: str | None,
) -> None:
    """Write the rule file of an objective of TASK to stdout: recorded error ratios, the budget left, alerts.

    TASK is MODULE:TASK, or path/to/file.py:TASK, or the task's static name. A TIME is seconds, or a text such as 500ms, 90s,
    15m, 26h, 1.5d.
    """
    with _as_misuse():
        objective_of = SLO(_named(task), objective, window=window, **given)
        resource = _resource(objective_of.resource_name, kubernetes, name, namespace, labels)
        groups = objective_of.groups(runbooks)
        text = to_yaml(groups) if resource is None else resource.to_yaml(groups)
    click.echo(text, nl=False)


def _resource(
    usual: str, wanted: bool, name: str | None, namespace: str | None, labels: tuple[str, ...]
) -> PrometheusRule | None:
    """Read the options of the resource.

    Raises:
        ValueError: Kubernetes would refuse one.
        click.UsageError: They are given without it, or a label is none.
    """
    if not wanted:
        if name is not None or namespace is not None or labels:
            raise click.UsageError(
                "--name, --namespace and --label are those of the resource: give --kubernetes too."
            )
        return None
    pairs = [label.partition("=") for label in labels]
    if not all(between for _, between, _ in pairs):
        raise click.UsageError("--label is KEY=VALUE, as in --label release=kube-prometheus-stack.")
    return PrometheusRule(
        name=usual if name is None else name,
        namespace=namespace,
        labels={key: value for key, _, value in pairs},
    )


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
