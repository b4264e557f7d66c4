"""Rules as plain data, and as the YAML that Prometheus reads: so little of it that nothing has to be installed for it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence

from pegboard_dashboards._promql import duration

Rule = dict[str, object]
Group = dict[str, object]


def record(name: str, expression: str, **labels: str) -> Rule:
    """Make a recording rule."""
    rule: Rule = {"record": name, "expr": expression}
    return {**rule, "labels": labels} if labels else rule


def alert(
    name: str,
    expression: str,
    severity: str,
    summary: str,
    description: str,
    *,
    wait: float = 0,
    **labels: str,
) -> Rule:
    """Make an alert rule; `wait` is the seconds for which it has to hold, summary and description are templates."""
    rule: Rule = {"alert": name, "expr": expression}
    if wait:
        rule["for"] = duration(wait)
    literal = {label: value.replace("{{", '{{ "{{" }}') for label, value in labels.items()}
    rule["labels"] = {"severity": severity, **literal}
    rule["annotations"] = {"summary": summary, "description": description}
    return rule


def to_yaml(groups: Sequence[Group]) -> str:
    """Write a rule file."""
    return "\n".join([*_lines({"groups": groups}), ""])


def _lines(value: object) -> Iterator[str]:
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _entry(f"{key}:", item, "  ")
    elif isinstance(value, Sequence) and not isinstance(value, str):
        for item in value:
            first, *rest = _lines(item)
            yield f"- {first}"
            yield from (f"  {line}" for line in rest)
    else:
        yield _scalar(value)


def _entry(key: str, item: object, indent: str) -> Iterator[str]:
    if isinstance(item, str) and key == "expr:" and "\n" in item:
        yield f"{key} |-"
        yield from (f"{indent}{line}" for line in item.splitlines())
    elif isinstance(item, Mapping | Sequence) and not isinstance(item, str):
        yield key
        yield from (f"{indent}{line}" for line in _lines(item))
    else:
        yield f"{key} {_scalar(item)}"


def _scalar(value: object) -> str:
    """Write a text in single quotes, in which only the quote itself has a meaning; one with control characters as JSON."""
    if not isinstance(value, str):
        return str(value)
    return "'" + value.replace("'", "''") + "'" if value.isprintable() else json.dumps(value)
