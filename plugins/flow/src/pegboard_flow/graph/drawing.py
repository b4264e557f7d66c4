"""Drawings of a graph; nothing of it runs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import attrs

if TYPE_CHECKING:
    from pegboard_flow.running.shape import Condition, Edge, Node


@attrs.frozen
class Drawing:
    """What there is to see of a graph.

    Attributes:
        name: The graph's name.
        nodes: In the order added.
        edges: In the order added.
        starts, ends: Names of nodes.
    """

    name: str
    nodes: Sequence[Node]
    edges: Sequence[Edge]
    starts: Sequence[str]
    ends: Sequence[str]

    def dot(self) -> str:
        """Write it in the language of Graphviz: starts in bold, ends with a double line."""
        lines = [f"digraph {_quoted(self.name)} {{"]
        for node in self.nodes:
            styles = [
                *(["style=bold"] if node.name in self.starts else []),
                *(["peripheries=2"] if node.name in self.ends else []),
            ]
            lines.append(f"    {_quoted(node.name)}{_bracketed(styles)};")
        for edge in self.edges:
            label = [] if edge.condition is None else [f"label={_quoted(_label(edge.condition))}"]
            lines.append(f"    {_quoted(edge.source)} -> {_quoted(edge.target)}{_bracketed(label)};")
        return "\n".join([*lines, "}", ""])

    def mermaid(self) -> str:
        """Write it as a Mermaid flowchart: starts round, ends with a double line."""
        number = {node.name: f"n{index}" for index, node in enumerate(self.nodes)}
        lines = ["flowchart TD"]
        for node in self.nodes:
            left, right = ("[[", "]]") if node.name in self.ends else ("[", "]")
            if node.name in self.starts:
                left, right = "([", "])"
            lines.append(f"    {number[node.name]}{left}{_mermaid_text(node.name)}{right}")
        for edge in self.edges:
            label = "" if edge.condition is None else f"|{_mermaid_text(_label(edge.condition))}|"
            lines.append(f"    {number[edge.source]} -->{label} {number[edge.target]}")
        return "\n".join([*lines, ""])

    def describe(self) -> dict[str, Any]:
        """Return names of nodes, tasks, edges and conditions, ready for JSON."""
        return {
            "name": self.name,
            "nodes": [
                {
                    "name": node.name,
                    "task": node.task.name,
                    "kind": node.task.kind,
                    "priority": node.priority,
                }
                for node in self.nodes
            ],
            "edges": [
                {
                    "source": edge.source,
                    "target": edge.target,
                    "condition": None if edge.condition is None else _label(edge.condition),
                }
                for edge in self.edges
            ],
            "start": [*self.starts],
            "end": [*self.ends],
        }

    def to_json(self, indent: int | None = None) -> str:
        """Write what `describe` returns as JSON."""
        return json.dumps(self.describe(), indent=indent)


def _label(condition: Condition) -> str:
    name = getattr(condition, "__name__", type(condition).__name__)
    return "condition" if name == "<lambda>" else str(name)


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def _bracketed(attributes: Iterable[str]) -> str:
    joined = ", ".join(attributes)
    return f" [{joined}]" if joined else ""


def _mermaid_text(text: str) -> str:
    escaped = text.replace("&", "&amp;").replace('"', "#quot;").replace("<", "&lt;").replace(">", "&gt;")
    return '"' + escaped.replace("\n", "<br/>") + '"'
