"""Files for Grafana and Prometheus."""

from __future__ import annotations

import json

import pytest

from pegboard_dashboards import SLO, Thresholds, dashboards, write_dashboards, write_rules


def test_three_dashboards_are_written(tmp_path):
    """An overview, one task, saturation; written again, the same."""
    for _ in range(2):
        paths = write_dashboards(tmp_path / "new" / "folder")
        assert {path.name: json.loads(path.read_text()) for path in paths} == dashboards()
    assert set(dashboards()) == {"pegboard-overview.json", "pegboard-task.json", "pegboard-saturation.json"}


def test_promtool_has_no_complaint(tmp_path, promtool):
    """About the rules, those of objectives, and the example configuration that loads them."""
    slos = [SLO("load"), SLO("o\"dd\\ na'me\n{{ x }}", 99.9, latency=0.5, fresh="26h", job="app")]
    paths = write_rules(tmp_path / "new", Thresholds(objective=99.95), slos)
    for path in paths:
        if "example" not in path.name:
            assert "SUCCESS" in promtool("check", "rules", str(path))
    found = promtool("check", "config", str(tmp_path / "new" / "prometheus.example.yml"))
    assert f"SUCCESS: {len(paths) - 1} rule files found" in found


def test_two_objectives_of_one_file_are_refused(tmp_path):
    """One would replace the other."""
    with pytest.raises(ValueError, match="one file"):
        write_rules(tmp_path, slos=[SLO("a b"), SLO("a/b")])
