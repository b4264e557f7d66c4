"""Writing what belongs to Prometheus into a folder."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pegboard_dashboards.rules.alerts import Thresholds, alert_groups
from pegboard_dashboards.rules.recording import recording_groups
from pegboard_dashboards.rules.yaml import to_yaml

if TYPE_CHECKING:
    from pegboard_dashboards.rules.slo import SLO

_EXAMPLE = "prometheus.example.yml"


def write_rules(
    folder: str | os.PathLike[str], thresholds: Thresholds | None = None, slos: Sequence[SLO] = ()
) -> list[Path]:
    """Write recording rules, alert rules, an example of Prometheus's configuration, and the rules of objectives.

    Args:
        folder: Made if it is not there; files of the same names are replaced.
        thresholds: From where on the alerts fire.
        slos: Objectives of tasks, a file each.

    Returns:
        The files.

    Raises:
        ValueError: Two objectives would have one file.
    """
    by_file = {slo.file_name: slo.to_yaml() for slo in slos}
    if len(by_file) < len(slos):
        raise ValueError(
            "two of these SLOs are of one task and latency, or would have one file: write them one by one."
        )
    from importlib.resources import files

    example = files("pegboard_dashboards").joinpath(_EXAMPLE).read_text(encoding="utf-8")
    return write_files(
        folder,
        {
            "pegboard-recording.yml": to_yaml({"groups": recording_groups()}),
            "pegboard-alerts.yml": to_yaml({"groups": alert_groups(thresholds or Thresholds())}),
            _EXAMPLE: example,
            **by_file,
        },
    )


def write_files(folder: str | os.PathLike[str], texts: Mapping[str, str]) -> list[Path]:
    """Write texts into files of a folder, which is made if it is not there."""
    place = Path(folder)
    place.mkdir(parents=True, exist_ok=True)
    written = [place / name for name in texts]
    for path, text in zip(written, texts.values(), strict=True):
        path.write_text(text, encoding="utf-8")
    return written
