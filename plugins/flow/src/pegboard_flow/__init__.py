"""Graphs of tasks: conditions, branches, failure policies, and a drawing of each."""

from __future__ import annotations

from pegboard_flow._errors import CycleError, GraphError, GraphFailed, PlaceholderError
from pegboard_flow.graph.dependencies import DependencyGraph
from pegboard_flow.graph.graph import Graph
from pegboard_flow.recording.body import fan_out, node
from pegboard_flow.recording.flow import Flow, flow
from pegboard_flow.running.result import GraphResult
from pegboard_flow.workflows.conditional import Conditional, conditional
from pegboard_flow.workflows.parallel import Parallel, parallel
from pegboard_flow.workflows.sequential import Progress, Sequential, sequential

__all__ = [  # noqa: RUF022 - by concept
    # graphs
    "Graph",
    "GraphResult",
    # flows
    "Flow",
    "flow",
    "fan_out",
    "node",
    # workflows and orders
    "Conditional",
    "DependencyGraph",
    "Parallel",
    "Progress",
    "Sequential",
    "conditional",
    "parallel",
    "sequential",
    # errors
    "CycleError",
    "GraphError",
    "GraphFailed",
    "PlaceholderError",
]
