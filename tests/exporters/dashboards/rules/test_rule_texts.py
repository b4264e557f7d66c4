"""What a person reads who is called: which task of which service, since when, and what to do."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pegboard_dashboards import SLO, Thresholds, write_rules
from pegboard_dashboards import _durable as durable
from pegboard_dashboards.rules.alerts import alert_groups
from pegboard_dashboards.rules.rule import RUNBOOKS, linked
from pegboard_metrics import names

DOCS = Path(__file__).parents[4]
ODD = "o\"dd\\ 'na'me\n{{ $x }} ✓\u2028"
COUNT = f"{names.DURATION.name}_count"


def alerts(*slos):
    """All alerts, with what is written into their annotations."""
    groups = [*linked(alert_groups(Thresholds()), RUNBOOKS)]
    groups += [group for slo in slos for group in slo.groups()]
    return [rule for group in groups for rule in group["rules"] if "alert" in rule]


def sections(page):
    """The anchors of a page, as its headings make them."""
    return {line.removeprefix("## ").lower() for line in page.splitlines() if line.startswith("## ")}


ALL = alerts(SLO("work", fresh="26h"))


@pytest.mark.parametrize("rule", ALL, ids=lambda rule: f"{rule['alert']} {rule['labels']['severity']}")
def test_each_alert_leads_to_its_section_of_the_runbook(rule):
    """The page is there, and has a heading of that name."""
    page, _, anchor = rule["annotations"]["runbook_url"].partition("#")
    assert anchor == rule["alert"].lower()
    assert anchor in sections((DOCS / page).read_text(encoding="utf-8"))


def test_the_runbook_has_a_section_for_no_other_alert():
    """What is gone from the rules is gone from the page."""
    page = (DOCS / RUNBOOKS).read_text(encoding="utf-8")
    assert sections(page) == {rule["alert"].lower() for rule in ALL}


def test_the_address_of_the_runbook_may_be_another_one(tmp_path):
    """Of alerts and of objectives, for those who publish the page elsewhere; nothing in it is taken for a template."""
    paths = write_rules(tmp_path, slos=[SLO("work")], runbooks="https://wiki/{{ops}}/alerts")
    found = re.findall(r"runbook_url: '(.*)'", "".join(path.read_text() for path in paths))
    assert len(found) == 13
    assert {url.partition("#")[0] for url in found} == {'https://wiki/{{ "{{" }}ops}}/alerts'}


@pytest.mark.parametrize("wrong", ["", "https://wiki/alerts#top", None, 3])
def test_an_address_that_no_anchor_fits_is_refused(tmp_path, wrong):
    """Rather than alerts that lead nowhere."""
    with pytest.raises(ValueError, match="the address of the page is meant"):
        write_rules(tmp_path, runbooks=wrong)


TASK = {"job": "web", names.TASK: "work"}
FIRING = {
    "PegboardErrorBudgetFast": (
        {**TASK, "severity": "critical"},
        "Task work of web fails too often",
        "100% of the calls of work in web fail; 99 % are to succeed.",
    ),
    "PegboardStuck": (
        {**TASK, "severity": "warning"},
        "A call of work of web does not end",
        "The oldest call of work in web began 2h 0m 0s ago.",
    ),
    "PegboardRunStuck": (
        {"job": "web", "severity": "critical"},
        "Durable runs of web are stuck",
        "3 runs in the journal of web ended their process again and again, and are not taken up any more.",
    ),
    "PegboardRunAttention": (
        {"job": "web", "severity": "warning"},
        "Durable runs of web want a look",
        "2 runs in the journal of web cannot go on, or could not be undone.",
    ),
    "PegboardBreakerOpen": (
        {"job": "web", names.BREAKER: "shop", "severity": "warning"},
        "Circuit breaker shop of web is open",
        "What shop protects in web keeps failing, so it is not called.",
    ),
    "PegboardAbandonedThreads": (
        {"job": "web", "instance": "a:1", "severity": "warning"},
        "Functions of web go on behind their timeouts",
        "20 threads of web on a:1 still run functions that nobody waits for.",
    ),
    "PegboardTelemetryDropped": (
        {"job": "web", names.SIGNAL: "traces", names.REASON: "queue_full", "severity": "warning"},
        "Telemetry of web is incomplete",
        "web has dropped traces: queue_full.",
    ),
    "PegboardHookErrors": (
        {"job": "web", names.PLUGIN: "audit", names.HOOK: "on_error", "severity": "warning"},
        "Plugin audit of web fails",
        "audit fails in on_error in web; tasks go on.",
    ),
    "PegboardNoSuccess": (
        {"job": "node", "exported_job": "nightly", names.TASK: "work", "severity": "critical"},
        "Task work of nightly only fails",
        "work in nightly was tried and failed, and no call has succeeded for 1h.",
    ),
    "PegboardSLOBurnsFast": (
        {"slo": ODD, "severity": "critical"},
        f"{ODD} uses up its error budget",
        f"a'b: 99 % of the calls of {ODD} are to succeed; 100% do not.",
    ),
    "PegboardSLOStale": (
        {"slo": ODD, "job": "a'b", "severity": "critical"},
        f"{ODD} has not succeeded for 5m",
        f"The last success of {ODD} in a'b was 16m 40s ago.",
    ),
    "PegboardSLOMissing": (
        {"slo": "never", names.TASK: "never", "job": "a'b", "severity": "critical"},
        "never is not to be seen",
        "never in a'b has not been seen to succeed for 5m: no metrics of it are scraped, or it never has.",
    ),
}


@pytest.fixture(scope="module")
def said(tmp_path_factory, find_program, promtool_run):
    """What promtool says of the texts of alerts that all fire at once, if there is anything to say."""
    folder = tmp_path_factory.mktemp("texts")
    slos = [SLO(ODD, fresh="5m"), SLO("never", fresh="5m", job="a'b")]
    paths = write_rules(folder, Thresholds(no_success="1h"), slos)
    process, file = {"job": "web", "instance": "a:1"}, {"job": "node", "exported_job": "nightly"}

    def count(values, status, labels, task="work"):
        return (COUNT, {**labels, names.TASK: task, names.STATUS: status}, values)

    series = [
        count("0x30", "ok", process),
        count("_x5 5000x20", "error", process),
        count("1x30", "error", file),
        count("0x30", "ok", {"job": "a'b"}, ODD),
        count("_x5 5x20", "error", {"job": "a'b"}, ODD),
        (names.LAST_SUCCESS.name, {"job": "web", names.TASK: "work"}, "600x30"),
        (names.LAST_SUCCESS.name, {"job": "a'b", names.TASK: ODD}, "200x30"),
        (names.OLDEST_AGE.name, {**process, names.TASK: "work"}, "7200x30"),
        (names.BREAKER_STATE.name, {**process, names.BREAKER: "shop"}, "2x30"),
        (durable.RUNS, {**process, durable.STATUS: "STUCK"}, "3x30"),
        (durable.RUNS, {**process, durable.STATUS: "ATTENTION"}, "2x30"),
        (names.ABANDONED.name, process, "20x30"),
        (names.DROPPED.name, {**process, names.SIGNAL: "traces", names.REASON: "queue_full"}, "_x5 1x20"),
        (names.HOOK_ERRORS.name, {**process, names.PLUGIN: "audit", names.HOOK: "on_error"}, "_x5 1x20"),
    ]
    return promtool_run(
        folder,
        paths,
        series,
        alert_rule_test=[
            {
                "eval_time": "20m",
                "alertname": name,
                "exp_alerts": [
                    {
                        "exp_labels": labels,
                        "exp_annotations": {
                            "summary": summary,
                            "description": description,
                            "runbook_url": f"{RUNBOOKS}#{name.lower()}",
                        },
                    }
                ],
            }
            for name, (labels, summary, description) in FIRING.items()
        ],
    )


@pytest.mark.parametrize("name", FIRING)
def test_the_texts_name_task_and_service(said, name):
    """Whatever characters a name has; a job's file tells its service in another label."""
    part = next((part for part in said.split("alertname: ") if part.startswith(f"{name},")), "")
    assert part == ""
