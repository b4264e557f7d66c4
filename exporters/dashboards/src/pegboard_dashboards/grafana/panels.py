"""Parts of a Grafana dashboard."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import attrs

Json = dict[str, Any]

_DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}
_WIDTH = 24


@attrs.frozen
class Query:
    """What a panel asks, and how it calls each answer."""

    expression: str
    legend: str = ""
    exemplars: bool = False


@attrs.frozen
class Panel:
    """One panel.

    Attributes:
        title: What it shows.
        description: What a reader cannot guess, as when to worry.
        queries: What it asks.
        unit: Grafana's word for the unit.
        kind: Grafana's word for the form.
        width: Of 24 columns.
        steps: Values from which on it turns yellow and red.
        words: Texts in place of whole numbers from 0 on.
    """

    title: str
    description: str
    queries: tuple[Query, ...]
    unit: str = "short"
    kind: str = "timeseries"
    width: int = 8
    steps: tuple[float, ...] = ()
    words: tuple[str, ...] = ()

    @property
    def height(self) -> int:
        """In rows of Grafana's grid."""
        return 4 if self.kind == "stat" else 8

    def to_json(self, number: int, x: int, y: int) -> Json:
        """Write it for its place."""
        is_table = self.kind == "table"
        targets = [
            _target(query, letter, is_table) for query, letter in zip(self.queries, "ABCDEF", strict=False)
        ]
        if self.kind == "heatmap":
            targets = [{**target, "format": "heatmap"} for target in targets]
        return {
            "id": number,
            "type": self.kind,
            "title": self.title,
            "description": self.description,
            "datasource": _DATASOURCE,
            "gridPos": {"x": x, "y": y, "w": self.width, "h": self.height},
            "targets": targets,
            "fieldConfig": {"defaults": self._defaults(), "overrides": []},
            "options": _OPTIONS.get(self.kind, {}),
        }

    def _defaults(self) -> Json:
        colours = ("green", "yellow", "red")
        values = (None, *self.steps)
        steps = [{"color": colour, "value": value} for colour, value in zip(colours, values, strict=False)]
        words = {str(number): {"text": word, "index": number} for number, word in enumerate(self.words)}
        return {
            "unit": self.unit,
            "min": 0,
            "thresholds": {"mode": "absolute", "steps": steps},
            "mappings": [{"type": "value", "options": words}] if words else [],
        }


_OPTIONS: dict[str, Json] = {
    "timeseries": {
        "legend": {"displayMode": "table", "placement": "bottom", "calcs": ["lastNotNull", "max"]},
        "tooltip": {"mode": "multi", "sort": "desc"},
    },
    "stat": {"reduceOptions": {"calcs": ["lastNotNull"]}, "colorMode": "value", "graphMode": "area"},
    "heatmap": {"calculate": False, "yAxis": {"unit": "s"}, "exemplars": {"color": "rgba(255,0,255,0.7)"}},
    "table": {"showHeader": True},
}


def _target(query: Query, letter: str, is_table: bool) -> Json:
    return {
        "refId": letter,
        "datasource": _DATASOURCE,
        "expr": query.expression,
        "legendFormat": query.legend or "__auto",
        "exemplar": query.exemplars,
        "instant": is_table,
        "range": not is_table,
        "format": "table" if is_table else "time_series",
    }


def dashboard(
    uid: str, title: str, variables: Sequence[Json], rows: Iterable[tuple[str, Sequence[Panel]]]
) -> Json:
    """Make a dashboard of titled rows; panels fill a row from left to right, and go on below."""
    return {
        "uid": uid,
        "title": title,
        "tags": ["pegboard"],
        "schemaVersion": 38,
        "version": 1,
        "editable": True,
        "refresh": "30s",
        "time": {"from": "now-1h", "to": "now"},
        "templating": {"list": [_datasource_variable(), *variables]},
        "links": [
            {
                "type": "dashboards",
                "tags": ["pegboard"],
                "title": "Pegboard",
                "keepTime": True,
                "includeVars": True,
            }
        ],
        "panels": _laid_out(rows),
    }


def variable(name: str, query: str, *, many: bool) -> Json:
    """Make a variable whose values are those of a label; `many` lets a reader choose several, or all."""
    everything = {"selected": True, "text": "All", "value": "$__all"}
    return {
        "name": name,
        "type": "query",
        "datasource": _DATASOURCE,
        "query": {"query": query, "refId": name},
        "definition": query,
        "refresh": 2,
        "sort": 1,
        "multi": many,
        "includeAll": many,
        "allValue": ".*" if many else None,
        "current": everything if many else {},
    }


def _datasource_variable() -> Json:
    return {"name": "datasource", "type": "datasource", "query": "prometheus", "current": {}}


def _laid_out(rows: Iterable[tuple[str, Sequence[Panel]]]) -> list[Json]:
    made: list[Json] = []
    y = 0
    for title, panels in rows:
        made.append(_row(len(made) + 1, title, y))
        x, y, tallest = 0, y + 1, 0
        for panel in panels:
            if x + panel.width > _WIDTH:
                x, y, tallest = 0, y + tallest, 0
            made.append(panel.to_json(len(made) + 1, x, y))
            x, tallest = x + panel.width, max(tallest, panel.height)
        y += tallest
    return made


def _row(number: int, title: str, y: int) -> Json:
    return {
        "id": number,
        "type": "row",
        "title": title,
        "collapsed": False,
        "gridPos": {"x": 0, "y": y, "w": _WIDTH, "h": 1},
        "panels": [],
    }
