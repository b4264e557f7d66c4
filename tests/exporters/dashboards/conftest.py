from __future__ import annotations

import json

import pytest

from pegboard_dashboards import write_rules


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


def _written(labels, name=""):
    return name + "{" + ",".join(f'{key}="{value}"' for key, value in labels.items()) + "}"
