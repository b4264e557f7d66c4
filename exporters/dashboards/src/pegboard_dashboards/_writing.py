"""Writing dashboards and rules into folders, as Grafana and Prometheus read them."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pegboard_dashboards.grafana.overview import overview
from pegboard_dashboards.grafana.saturation import saturation
from pegboard_dashboards.grafana.task import one_task
from pegboard_dashboards.rules.alerts import Thresholds, alert_groups
from pegboard_dashboards.rules.recording import recording_groups
from pegboard_dashboards.rules.rule import RUNBOOKS, linked, to_yaml

if TYPE_CHECKING:
    from pegboard_dashboards.grafana.panels import Json
    from pegboard_dashboards.rules.kubernetes import PrometheusRule
    from pegboard_dashboards.rules.rule import Group
    from pegboard_dashboards.rules.slo import SLO

_EXAMPLE = "prometheus.example.yml"
_RESOURCE = "pegboard-prometheusrule.yml"


def dashboards() -> dict[str, Json]:
    """Make the dashboards, by file name: an overview, one task, saturation."""
    return {
        "pegboard-overview.json": overview(),
        "pegboard-task.json": one_task(),
        "pegboard-saturation.json": saturation(),
    }


def write_dashboards(folder: str | os.PathLike[str]) -> list[Path]:
    """Write the dashboards as JSON that Grafana imports or provisions; files of the same names are replaced.

    Returns:
        The files.
    """
    texts = {name: json.dumps(dashboard, indent=2) + "\n" for name, dashboard in dashboards().items()}
    return _write_files(folder, texts)


def rule_groups(
    thresholds: Thresholds | None = None, slos: Sequence[SLO] = (), *, runbooks: str = RUNBOOKS
) -> list[Group]:
    """Make the groups of all rules, as plain data: the recording rules, the alerts, and those of objectives.

    Args:
        thresholds: From where on the alerts fire.
        slos: Objectives of tasks.
        runbooks: Address of the page that tells what to do about the alerts.

    Raises:
        ValueError: The address of the runbook is none.
    """
    alerts = linked(alert_groups(thresholds or Thresholds()), runbooks)
    return [*recording_groups(), *alerts, *(group for slo in slos for group in slo.groups(runbooks))]


def write_rules(
    folder: str | os.PathLike[str],
    thresholds: Thresholds | None = None,
    slos: Sequence[SLO] = (),
    *,
    runbooks: str = RUNBOOKS,
    kubernetes: PrometheusRule | None = None,
) -> list[Path]:
    """Write recording rules, alert rules, an example of Prometheus's configuration, and the rules of objectives.

    For a Prometheus operator, all rules are one resource in one file instead.

    Args:
        folder: Made if it is not there; files of the same names are replaced.
        thresholds: From where on the alerts fire.
        slos: Objectives of tasks, a file each.
        runbooks: Address of the page that tells what to do about the alerts, wherever yours is.
        kubernetes: What the resource is called; `pegboard-prometheusrule.yml` is its file.

    Returns:
        The files.

    Raises:
        ValueError: Two objectives would have one file, or the address of the runbook is none.
    """
    if kubernetes is not None:
        groups = rule_groups(thresholds, slos, runbooks=runbooks)
        return _write_files(folder, {_RESOURCE: kubernetes.to_yaml(groups)})
    by_file = {slo.file_name: slo.to_yaml(runbooks) for slo in slos}
    if len(by_file) < len(slos):
        raise ValueError(
            "two of these SLOs are of one task and latency, or would have one file: write them one by one."
        )
    return _write_files(
        folder,
        {
            "pegboard-recording.yml": to_yaml(recording_groups()),
            "pegboard-alerts.yml": to_yaml(linked(alert_groups(thresholds or Thresholds()), runbooks)),
            _EXAMPLE: _example(),
            **by_file,
        },
    )


def _example() -> str:
    from importlib.resources import files

    return files("pegboard_dashboards").joinpath(_EXAMPLE).read_text(encoding="utf-8")


def _write_files(folder: str | os.PathLike[str], texts: Mapping[str, str]) -> list[Path]:
    Path(folder).mkdir(parents=True, exist_ok=True)
    paths = {Path(folder, name): text for name, text in texts.items()}
    for path, text in paths.items():
        path.write_text(text, encoding="utf-8")
    return list(paths)
