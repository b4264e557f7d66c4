"""Where a plugin has its settings from: what goes before what, with plugins as they are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pegboard import Metrics, Prometheus, Session
from pegboard.testing import isolated, reset_default_session
from pegboard_otlp import OTLP

ORDER = ["argument", "environment", "file", "others", "default"]
SETTINGS: dict[str, tuple[type, str, str]] = {
    "prometheus": (Prometheus, "token", "PEGBOARD_PROMETHEUS_TOKEN"),
    "otlp": (OTLP, "timeout", "OTEL_EXPORTER_OTLP_TIMEOUT"),
}
VALUES = {"argument": "1111", "environment": "2222", "file": "3333", "others": "4444"}


def in_force(plugin: Any) -> str:
    """What a plugin was told, by whomever; "default" for nothing."""
    if isinstance(plugin, Prometheus):
        return "default" if plugin._token is None else plugin._token.reveal()
    from pegboard_otlp._destination import destination_of

    timeout = destination_of("traces", plugin._request).timeout
    return {10.0: "default", 4.444: "4444"}.get(timeout, f"{timeout:g}")


@pytest.mark.parametrize("first", ORDER)
@pytest.mark.parametrize("name", SETTINGS)
def test_the_nearest_to_the_program_goes_first(
    name: str, first: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Argument, environment, file, variables of others, default: each where all before it say nothing."""
    cls, keyword, other = SETTINGS[name]
    there = ORDER[ORDER.index(first) :]
    table = f"{keyword} = {VALUES['file']!r}" if keyword == "token" else f"{keyword} = {VALUES['file']}"
    settings = f"[settings.{name}]\n{table}\n" if "file" in there else ""
    (tmp_path / "pegboard.toml").write_text(f"plugins = ['metrics', '{name}']\n{settings}")
    monkeypatch.setenv("PEGBOARD_CONFIG", str(tmp_path / "pegboard.toml"))
    if "environment" in there:
        monkeypatch.setenv(f"PEGBOARD_{name.upper()}__{keyword.upper()}", VALUES["environment"])
    if "others" in there:
        monkeypatch.setenv(other, VALUES["others"])
    argument = VALUES["argument"] if keyword == "token" else float(VALUES["argument"])
    given = [cls(**{keyword: argument})] if first == "argument" else []
    session = Session(*given, configured=True, inherit=False)
    assert in_force(session[cls]) == VALUES.get(first, first)


def test_variables_of_a_kubernetes_service_are_no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of one that is called `pegboard-prometheus`: every pod has them."""
    for name, value in {
        "PEGBOARD_PROMETHEUS_PORT": "tcp://10.0.0.1:9464",
        "PEGBOARD_PROMETHEUS_PORT_9464_TCP": "tcp://10.0.0.1:9464",
        "PEGBOARD_PROMETHEUS_SERVICE_HOST": "10.0.0.1",
        "PEGBOARD_PROMETHEUS_SERVICE_PORT": "9464",
        "PEGBOARD_PROMETHEUS__PORT": "0",
    }.items():
        monkeypatch.setenv(name, value)
    with Session("metrics", "prometheus", inherit=False) as session:
        assert session[Prometheus].port not in (0, 9464)


def test_the_default_session_is_set_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """By the environment alone."""
    from pegboard import current_call, task

    @task
    def look() -> int | None:
        return current_call().session[Prometheus].port  # type: ignore[union-attr]

    with isolated():
        monkeypatch.setenv("PEGBOARD_PLUGINS", "metrics,prometheus")
        monkeypatch.setenv("PEGBOARD_PROMETHEUS__PORT", "")
        reset_default_session()
        try:
            assert look() is None
        finally:
            reset_default_session()


def test_what_the_program_made_keeps_its_settings_beside_what_is_named(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """One variable, two plugins of one name in two sessions: it is said of the first alone."""
    monkeypatch.setattr("pegboard.environment._told", set())
    monkeypatch.setenv("PEGBOARD_PROMETHEUS__PORT", "0")
    given = Session(Metrics(), Prometheus(None), inherit=False)
    named = Session("metrics", "prometheus", inherit=False)
    assert (given[Prometheus].port, named[Prometheus].port) == (None, 0)
    assert [record.getMessage().partition(":")[0] for record in caplog.records] == [
        "PEGBOARD_PROMETHEUS__PORT has no effect"
    ]
