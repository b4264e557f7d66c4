"""Spans of time, as people write them and as Prometheus reads them."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from pegboard_dashboards import SLO, Thresholds
from pegboard_dashboards._times import duration, seconds

FORMS = {
    "30d": "30d",
    "1.5d": "36h",
    "1h30m": "90m",
    "1y": "365d",
    "2w": "14d",
    "90": "90s",
    "0.5h": "30m",
    "2500ms": "2500ms",
    86400: "1d",
    90.5: "90500ms",
    timedelta(days=30): "30d",
    timedelta(hours=1, minutes=15): "75m",
}
NO_TIMES = ["1y2", "P30D", "1 d", "-5m", "", "d", "1e3", "nan", "0", "0s", "٣0d", "101y", "30m1h"]
NO_TIMES += [0, -1, float("nan"), float("inf"), 0.0001, None, True, [30], timedelta(0), timedelta(days=-1)]
SETTINGS = {
    "window": lambda given: SLO("a", window=given),
    "latency": lambda given: SLO("a", latency=given),
    "fresh": lambda given: SLO("a", fresh=given),
    "no_success": lambda given: Thresholds(no_success=given),
    "stuck": lambda given: Thresholds(stuck=given),
    "breaker_open": lambda given: Thresholds(breaker_open=given),
}


@pytest.mark.parametrize("given", FORMS, ids=str)
def test_a_time_is_written_as_prometheus_reads_it(given):
    """In whole numbers of one unit, whatever it was written in."""
    assert duration(seconds(given, "window")) == FORMS[given]


@pytest.mark.parametrize("given", NO_TIMES, ids=repr)
def test_what_is_no_time_is_refused(given):
    """With the name of the setting, and with words that would be right."""
    with pytest.raises(ValueError, match=r"^window: .* is no span of time from 1 ms to 100 years; write 90"):
        seconds(given, "window")


@pytest.mark.parametrize("setting", SETTINGS)
def test_every_setting_takes_the_same_forms(setting):
    """Half an hour or five minutes in four ways, and nothing that is none; None is no latency, and no freshness."""
    made = {
        SETTINGS[setting](given)
        for given in (300, "300", "5m", "0.0833333333333333333h", timedelta(minutes=5))
    }
    assert len(made) == 1
    for wrong in ("P30D", True, 0):
        with pytest.raises(ValueError, match=f"^{setting}: {wrong!r} is no span of time"):
            SETTINGS[setting](wrong)


@pytest.mark.parametrize(
    "given", ["1.5d", "1h30m", 86_400, 3_600, timedelta(days=30), "1y", Decimal(90)], ids=str
)
def test_rules_of_any_window_are_read_by_prometheus(tmp_path, promtool, given):
    """Also where it is a window that is recorded anyway."""
    path = tmp_path / "slo.yml"
    path.write_text(SLO("a", window=given).to_yaml())
    assert "SUCCESS" in promtool("check", "rules", str(path))
