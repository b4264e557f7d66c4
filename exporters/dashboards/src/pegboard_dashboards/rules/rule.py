"""Rules as plain data, and as the YAML that Prometheus reads: so little of it that nothing has to be installed for it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pegboard_dashboards._texts import literal, quoted
from pegboard_dashboards._times import duration

Rule = dict[str, Any]
Group = dict[str, Any]

RUNBOOKS = "docs/how-to/answer-an-alert.md"
"""The page that tells what to do about each alert, as these documents are laid out."""
SERVICE = "{{ or $labels.exported_job $labels.job }}"
"""Names the service in the texts of an alert."""


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
    rule["labels"] = {"severity": severity, **{label: literal(value) for label, value in labels.items()}}
    rule["annotations"] = {"summary": summary, "description": description}
    return rule


def linked(groups: Sequence[Group], runbooks: object) -> list[Group]:
    """Give each alert the address of its section in the runbook.

    Raises:
        ValueError: The address has a fragment already, or is none.
    """
    if not isinstance(runbooks, str) or not runbooks or "#" in runbooks:
        raise ValueError(
            f"runbooks={runbooks!r}: the address of the page is meant, to which each alert adds #its-name."
        )
    return [{**group, "rules": [_linked(rule, runbooks) for rule in group["rules"]]} for group in groups]


def to_yaml(groups: Sequence[Group]) -> str:
    """Write a rule file."""
    return "\n".join([*lines({"groups": groups}), ""])


def _linked(rule: Rule, runbooks: str) -> Rule:
    if "alert" not in rule:
        return rule
    url = f"{literal(runbooks)}#{rule['alert'].lower()}"
    return {**rule, "annotations": {**rule["annotations"], "runbook_url": url}}


def lines(value: object) -> Iterator[str]:
    """Write plain data as lines of YAML; its keys are to be such as need no quotes, or to have them."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _entry(f"{key}:", item, "  ")
    elif isinstance(value, Sequence) and not isinstance(value, str):
        for item in value:
            first, *rest = lines(item)
            yield f"- {first}"
            yield from (f"  {line}" for line in rest)
    else:
        yield scalar(value)


def _entry(key: str, item: object, indent: str) -> Iterator[str]:
    if isinstance(item, str) and key == "expr:" and "\n" in item:
        yield f"{key} |-"
        yield from (f"{indent}{line}" for line in item.split("\n"))
    elif isinstance(item, Mapping | Sequence) and not isinstance(item, str):
        yield key
        yield from (f"{indent}{line}" for line in lines(item))
    else:
        yield f"{key} {scalar(item)}"


def scalar(value: object) -> str:
    """Write a text in single quotes, in which only the quote itself has a meaning; one with control characters in double ones."""
    if not isinstance(value, str):
        return str(value)
    return "'" + value.replace("'", "''") + "'" if value.isprintable() else quoted(value)
