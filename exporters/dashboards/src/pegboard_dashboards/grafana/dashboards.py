"""The Grafana dashboards, made from the table of metrics."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

from pegboard_dashboards._writing import write_files
from pegboard_dashboards.grafana.overview import overview
from pegboard_dashboards.grafana.saturation import saturation
from pegboard_dashboards.grafana.task import one_task

if TYPE_CHECKING:
    from pegboard_dashboards.grafana.panels import Json


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
    return write_files(
        folder, {name: json.dumps(made, indent=2) + "\n" for name, made in dashboards().items()}
    )
