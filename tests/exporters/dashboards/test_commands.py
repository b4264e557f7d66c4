"""The commands, as the command line takes them over."""

from __future__ import annotations

import json
from importlib.metadata import entry_points

import click
import pytest
from click.testing import CliRunner

from pegboard import task
from pegboard_dashboards import (
    SLO,
    PrometheusRule,
    Thresholds,
    dashboards,
    rule_groups,
    write_rules,
)
from pegboard_dashboards._commands import slo

COMMANDS = {"dashboards", "rules", "slo"}


@pytest.fixture
def run():
    """Run one of the commands, found as the command line finds it."""
    found = {entry.name: entry for entry in entry_points(group="pegboard.commands")}

    def run(name, *words):
        command = found[name].load()
        assert isinstance(command, click.Command)
        return CliRunner().invoke(command, [str(word) for word in words], prog_name=f"pegboard {name}")

    return run


def test_its_commands_are_offered_to_the_command_line():
    """By entry points, so that nothing of it is imported until one is asked for."""
    found = {
        entry.name
        for entry in entry_points(group="pegboard.commands")
        if entry.dist.name == "pegboard-dashboards"
    }
    assert found == COMMANDS


def test_dashboards_are_written(run, tmp_path):
    """And their paths are said."""
    done = run("dashboards", tmp_path / "new")
    assert done.exit_code == 0
    written = {path.name: json.loads(path.read_text()) for path in (tmp_path / "new").iterdir()}
    assert written == dashboards()
    assert {line.rpartition("/")[2] for line in done.stdout.splitlines()} == set(written)


def test_rules_are_written_with_thresholds(run, tmp_path):
    """The options are those of Thresholds."""
    done = run("rules", tmp_path / "a", "--objective", "99.9", "--stuck", "15m", "--min-calls", "5")
    assert done.exit_code == 0
    write_rules(tmp_path / "b", Thresholds(objective=99.9, stuck="15m", min_calls=5))
    for path in (tmp_path / "b").iterdir():
        assert (tmp_path / "a" / path.name).read_text() == path.read_text()


RESOURCE = ("--kubernetes", "--name", "shop", "--namespace", "web", "--label", "release=kps", "--label", "a=")


def test_rules_for_an_operator_are_one_resource(run, tmp_path):
    """To stdout, as for `kubectl apply -f -`, or in a file of the folder."""
    resource = PrometheusRule(name="shop", namespace="web", labels={"release": "kps", "a": ""})
    text = resource.to_yaml(rule_groups(Thresholds(stuck="15m"), runbooks="https://wiki/alerts"))
    words = (*RESOURCE, "--stuck", "15m", "--runbooks", "https://wiki/alerts")
    assert run("rules", *words).stdout == text
    assert run("rules", tmp_path, *words).stdout == f"{tmp_path / 'pegboard-prometheusrule.yml'}\n"
    assert [path.read_text() for path in tmp_path.iterdir()] == [text]
    assert run("rules", "--kubernetes").stdout == PrometheusRule().to_yaml(rule_groups())


def test_an_objective_for_an_operator_is_a_resource_too(run):
    """With a name of its own."""
    slo = SLO("fetch", 99.9)
    named = PrometheusRule(name="pegboard-slo-fetch")
    said = run("slo", "fetch", "--objective", "99.9", "--kubernetes").stdout
    assert said == named.to_yaml(slo.groups())


def test_an_objective_is_written_to_stdout(run):
    """So it can be looked at, or sent into a file."""
    done = run("slo", "fetch", "--objective", "99.9", "--latency", "500ms", "--fresh", "26h", "--job", "app")
    assert done.exit_code == 0
    assert done.stdout == SLO("fetch", 99.9, latency=0.5, fresh="26h", job="app").to_yaml()


def test_a_task_may_be_given_by_its_place(run):
    """As `pegboard run` takes it, which tells commands how to find it; the name is the task's own."""

    class Places(click.ParamType):
        def convert(self, value, param, ctx):
            return task(name="load orders")(lambda: value)

    root = click.Group("pegboard")
    root.target = Places()
    root.add_command(slo)
    for place in ("shop.jobs:load", "jobs.py:Shop.load", "./päth to/jobs.py:load"):
        assert CliRunner().invoke(root, ["slo", place]).stdout == SLO("load orders").to_yaml()


@pytest.mark.parametrize("name", ["load", "shop.load", "load: orders", "Laden ä", "a::b", ":load", "1:2"])
def test_a_name_stays_a_name(run, name):
    """What is not the place of a task is what a task is called."""
    assert run("slo", name).stdout == SLO(name).to_yaml()


def test_the_runbook_is_where_it_is_said_to_be(run, tmp_path):
    """Of rules and of objectives alike."""
    run("rules", tmp_path, "--runbooks", "https://wiki/alerts")
    said = run("slo", "fetch", "--runbooks", "https://wiki/alerts").stdout
    for text in (said, (tmp_path / "pegboard-alerts.yml").read_text()):
        assert "runbook_url: 'https://wiki/alerts#pegboard" in text
        assert "docs/" not in text


@pytest.mark.parametrize(
    ("words", "status", "text"),
    [
        (("rules",), 2, "Missing argument 'DIR'"),
        (("rules", ".", "--stuck", "soon"), 2, "26h"),
        (("rules", ".", "--objective", "0.99"), 2, "per cent"),
        (("dashboards", __file__), 2, "is a file"),
        (("dashboards", "/proc/self/absent"), 1, "cannot write"),
        (("slo", "fetch", "--latency", "700ms"), 2, "Take one of"),
        (("slo", "fetch", "--objective", "101"), 2, "per cent"),
        (("slo", "fetch", "--objective", "0.999"), 2, "per cent"),
        (("slo", "fetch", "--window", "P30D"), 2, "window: 'P30D' is no span of time"),
        (("slo", "fetch", "--fresh", "0"), 2, "fresh: '0' is no span of time"),
        (("slo", "jobs:load"), 2, "write the task's name"),
        (("rules", ".", "--runbooks", "https://wiki#top"), 2, "address of the page"),
        (("rules", ".", "--label", "a=b"), 2, "give --kubernetes too"),
        (("slo", "fetch", "--name", "a"), 2, "give --kubernetes too"),
        (("rules", "--kubernetes", "--label", "release"), 2, "KEY=VALUE"),
        (("rules", "--kubernetes", "--name", "Shop"), 2, "no name of a resource"),
    ],
)
def test_a_misuse_says_what_is_meant(run, words, status, text):
    """2 for a misuse, 1 for a folder that cannot be written; never a traceback."""
    done = run(*words)
    assert done.exit_code == status
    assert text in done.output
    assert isinstance(done.exception, SystemExit)
