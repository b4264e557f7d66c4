"""The file of a job that runs once a night, and the alert that it fires."""

from __future__ import annotations

import json
import subprocess
import time

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families

from pegboard import Session, task
from pegboard_dashboards import SLO, write_rules
from pegboard_metrics import Metrics, names
from pegboard_prometheus import Textfile

HOURS = 24
TIMES = (names.LAST_SUCCESS.name, names.LAST_FAILURE.name)


@task
def invert(x):
    return 1 / x


class Nights:
    """What node_exporter shows hour by hour of the file of a job, whose runs are a night apart and in truth follow at once."""

    def __init__(self, path):
        self.path = path
        self.began = []
        self.series = {}

    def run(self, *arguments):
        """Let a process run, and its file be shown until the next night."""
        self.began.append(time.time())
        with Session(Metrics(CollectorRegistry()), Textfile(self.path), inherit=False):
            for argument in arguments:
                invert.run(argument)
        self.stay()

    def stay(self):
        """Let the file be shown for a day."""
        families = text_string_to_metric_families(self.path.read_text())
        found = {self._name(each): self._value(each) for family in families for each in family.samples}
        hours = sum(1 for _ in next(iter(self.series.values()), []))
        for name in {*self.series, *found}:
            values = self.series.setdefault(name, ["_"] * hours)
            values += [found.get(name, "stale"), *[found.get(name, "_")] * (HOURS - 1)]

    def _name(self, sample):
        labels = {"job": "node", "exported_job": "nightly", "instance": "host", **sample.labels}
        return sample.name + "{" + ",".join(f'{label}="{value}"' for label, value in labels.items()) + "}"

    def _value(self, sample):
        if sample.name not in TIMES:
            return f"{sample.value:g}"
        night = sum(sample.value >= began for began in self.began) - 1
        return str(night * HOURS * 3600 + sample.value - self.began[night])


@pytest.fixture
def fired(tmp_path, find_program):
    """Whether an alert fires at some hours, of all nights."""

    def fired(nights, alert, *hours):
        paths = write_rules(tmp_path, slos=[SLO("invert", fresh="26h")])
        expr = f'count(ALERTS{{alertname="{alert}",alertstate="firing"}}) or vector(0)'
        test = {
            "rule_files": [path.name for path in paths if "example" not in path.name],
            "evaluation_interval": "1h",
            "tests": [
                {
                    "interval": "1h",
                    "input_series": [
                        {"series": name, "values": " ".join(values)} for name, values in nights.series.items()
                    ],
                    "promql_expr_test": [
                        {"expr": expr, "eval_time": f"{hour}h", "exp_samples": [{"labels": "{}", "value": 1}]}
                        for hour in hours
                    ],
                }
            ],
        }
        (tmp_path / "test.yml").write_text(json.dumps(test))
        words = [find_program("promtool", "prometheus"), "test", "rules", str(tmp_path / "test.yml")]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        said = done.stdout + done.stderr
        assert done.returncode == 0 or "got: {} 0E+00" in said, said
        return {hour for hour in hours if f"time: {_written(hour)}," not in said}

    return fired


def _written(hour):
    days, hours = divmod(hour, 24)
    return (f"{days}d" if days else "") + (f"{hours}h" if hours else "")


def test_every_night_that_fails_fires(tmp_path, fired):
    """Though the file says the same each time: 1 failure; and it ends with the night that succeeds."""
    nights = Nights(tmp_path / "nightly.prom")
    for argument in (1, 0, 0, 1):
        nights.run(argument)
    at = [night * HOURS + hour for night in range(4) for hour in (2, 20)]
    assert fired(nights, "PegboardNoSuccess", *at) == {26, 44, 50, 68}


def test_a_night_without_a_run_fires_where_there_is_an_objective(tmp_path, fired):
    """The file stays, with the time of the last success."""
    nights = Nights(tmp_path / "nightly.prom")
    nights.run(1)
    nights.stay()
    assert fired(nights, "PegboardSLOStale", 2, 20, 25, 30, 40) == {30, 40}


def test_a_night_in_which_one_of_two_calls_fails_is_no_night_without_success(tmp_path, fired):
    """Something of it was done."""
    nights = Nights(tmp_path / "nightly.prom")
    nights.run(0, 1)
    nights.stay()
    assert fired(nights, "PegboardNoSuccess", 2, 20, 40) == set()
