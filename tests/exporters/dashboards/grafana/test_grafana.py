"""The dashboards as Grafana reads them."""

from __future__ import annotations

import itertools
import re

import pytest

from pegboard_dashboards import _durable as durable
from pegboard_dashboards import dashboards
from pegboard_metrics import names

ALL = dashboards()
VARIABLES = {"$job", "$task", "$__rate_interval", "$__range"}
METRICS = {each.name for each in names.INSTRUMENTS} | {
    f"{each.name}{end}"
    for each in names.INSTRUMENTS
    if each.kind == "histogram"
    for end in ("_bucket", "_count", "_sum")
}

DURABLE = {value for name, value in vars(durable).items() if name.isupper() and name != "STATUS"}
METRICS |= DURABLE | {f"{durable.STEPS}_bucket"}


def panels(board):
    return [panel for panel in board["panels"] if panel["type"] != "row"]


def queries(board):
    return [target["expr"] for panel in panels(board) for target in panel["targets"]]


@pytest.fixture(params=ALL)
def board(request):
    return ALL[request.param]


def test_panels_are_told_apart_and_do_not_overlap(board):
    """Ids are unique, and each place of the grid belongs to one panel."""
    ids = [panel["id"] for panel in board["panels"]]
    assert len(set(ids)) == len(ids)
    places = [
        place
        for panel in board["panels"]
        for place in itertools.product(
            range(panel["gridPos"]["x"], panel["gridPos"]["x"] + panel["gridPos"]["w"]),
            range(panel["gridPos"]["y"], panel["gridPos"]["y"] + panel["gridPos"]["h"]),
        )
    ]
    assert len(set(places)) == len(places)
    assert max(x for x, _ in places) < 24


def test_every_panel_says_what_it_shows(board):
    """A title, a description, a unit, and at least one query."""
    for panel in panels(board):
        assert panel["title"]
        assert panel["description"].endswith(".")
        assert panel["fieldConfig"]["defaults"]["unit"]
        assert panel["targets"]
        assert len({target["refId"] for target in panel["targets"]}) == len(panel["targets"])


def test_queries_use_known_metrics_and_variables(board):
    """Nothing is asked for that no scrape has."""
    declared = {f"${each['name']}" for each in board["templating"]["list"]}
    for query in queries(board):
        used = set(re.findall(r"\$\w+", query))
        assert used <= VARIABLES
        assert used - {"$__rate_interval", "$__range"} <= declared
        assert set(re.findall(r"\bpegboard_\w+(?=\{)", query)) <= METRICS


def test_every_metric_is_on_a_dashboard():
    """What is measured can be seen."""
    text = " ".join(query for each in ALL.values() for query in queries(each))
    assert {each.name for each in names.INSTRUMENTS if each.name not in text} == set()
    assert {each for each in DURABLE if each not in text} == set()


def test_every_query_keeps_to_the_chosen_jobs(board):
    """A dashboard of several applications can be narrowed down to one."""
    assert [query for query in queries(board) if 'job=~"$job"' not in query] == []


def test_a_task_is_chosen_by_its_exact_name():
    """Grafana escapes a single value for no regular expression, and names may hold dots and brackets."""
    assert all('pegboard_task_name="$task"' in query for query in queries(ALL["pegboard-task.json"]))


def test_uids_are_fixed():
    """Links and bookmarks stay right over versions."""
    assert [each["uid"] for each in ALL.values()] == [
        "pegboard-overview",
        "pegboard-task",
        "pegboard-saturation",
    ]
