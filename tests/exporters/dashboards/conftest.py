from __future__ import annotations

import json
import subprocess

import pytest

from pegboard_dashboards import write_rules
from pegboard_dashboards._promql import matches, selector


@pytest.fixture
def promtool_test(tmp_path, promtool):
    """Load rules, feed them series of one value a minute, and compare what queries give at a time."""

    def run(series, at, expected, thresholds=None, slos=()):
        paths = write_rules(tmp_path, thresholds, slos)
        queries = [
            {
                "expr": expression,
                "eval_time": at,
                "exp_samples": [{"labels": _written(labels), "value": value} for labels, value in samples],
            }
            for expression, samples in expected.items()
        ]
        feed = [{"series": _written(labels, name), "values": values} for name, labels, values in series]
        test = {
            "rule_files": [path.name for path in paths if "example" not in path.name],
            "evaluation_interval": "1m",
            "tests": [{"interval": "1m", "input_series": feed, "promql_expr_test": queries}],
        }
        (tmp_path / "test.yml").write_text(json.dumps(test))
        assert "SUCCESS" in promtool("test", "rules", str(tmp_path / "test.yml"))

    return run


@pytest.fixture(scope="module")
def promtool_run(find_program):
    """Run one test of promtool's, and return what it says of what went otherwise."""

    def run(folder, paths, series, interval="1m", **expected):
        feed = [{"series": _written(labels, name), "values": values} for name, labels, values in series]
        test = {
            "rule_files": [path.name for path in paths if "example" not in path.name],
            "evaluation_interval": interval,
            "tests": [{"interval": interval, "input_series": feed, **expected}],
        }
        (folder / "test.yml").write_text(json.dumps(test))
        words = [find_program("promtool", "prometheus"), "test", "rules", str(folder / "test.yml")]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        said = done.stdout + done.stderr
        assert done.returncode == 0 or "    alertname: " in said, said
        return said

    return run


@pytest.fixture(scope="module")
def promtool_scenarios(tmp_path_factory, find_program):
    """Evaluate all scenarios of a module in one run; what promtool says of each that went otherwise, by its name."""

    def run(scenarios, slos=(), interval="1m", alerts=".*"):
        folder = tmp_path_factory.mktemp("scenarios")
        paths = write_rules(folder, slos=slos)
        test = {
            "rule_files": [path.name for path in paths if "example" not in path.name],
            "evaluation_interval": interval,
            "tests": [
                _scenario(name, interval, series, moments, alerts)
                for name, (series, moments) in scenarios.items()
            ],
        }
        (folder / "test.yml").write_text(json.dumps(test))
        words = [find_program("promtool", "prometheus"), "test", "rules", str(folder / "test.yml")]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        said = done.stdout + done.stderr
        assert done.returncode == 0 or "FAILED" in said, said
        return {
            name: part for part in said.split("    expr: ") for name in scenarios if _marked(name) in part
        }

    return run


def _scenario(name, interval, series, moments, alerts):
    """What is fired at some moments: exactly these alerts, each with its labels."""
    return {
        "name": name,
        "interval": interval,
        "input_series": [
            {"series": _written(labels, each), "values": values} for each, labels, values in series
        ],
        "promql_expr_test": [
            {
                "expr": f'ALERTS{{alertname=~"{alerts}",alertstate="firing",{_marked(name)}}}',
                "eval_time": at,
                "exp_samples": [
                    {"labels": _written({"alertstate": "firing", **labels}, "ALERTS"), "value": 1}
                    for labels in expected
                ],
            }
            for at, expected in moments.items()
        ],
    }


def _marked(name):
    """A matcher that lets everything through, by which promtool's complaint is found again."""
    return f"scenario!='{name}'"


def _written(labels, name=""):
    return name + selector(*(matches(label, value) for label, value in labels.items()))
