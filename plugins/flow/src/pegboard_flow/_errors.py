"""What can be wrong with a graph, and with a run of one.

GraphError                    a graph that cannot run as it is built
└── CycleError                ... because nodes wait for each other
GraphFailed                   nodes failed in a run that goes on to its end
PlaceholderError              a flow's body looks at a value that is not there yet
"""

from __future__ import annotations

from collections.abc import Mapping

from pegboard import PegboardError


class GraphError(PegboardError, ValueError):
    """Raised while a graph is built, validated or called: it cannot run as it is.

    Attributes:
        graph: Name of the graph.
        node: The node at fault, or "".
    """

    graph: str
    node: str


class CycleError(GraphError):
    """Raised when nodes wait for each other.

    Attributes:
        path: The nodes of one cycle, each before the one that waits for it, the first one once more at the end.
    """

    path: tuple[str, ...]


class GraphFailed(PegboardError, ExceptionGroup[Exception]):  # noqa: N818 - what became of it
    """Raised at the end of a run with `on_error="aggregate"` in which nodes failed: a group of their own errors.

    Attributes:
        graph: Name of the graph.
        errors: The error of each node that failed, by the node's name.
    """

    graph: str
    errors: Mapping[str, Exception]


class PlaceholderError(PegboardError, TypeError, AttributeError):
    """Raised in the body of a flow that looks into a placeholder: tasks run only once the body is over.

    Attributes:
        node: The node that the placeholder stands for, or the parameter.
    """

    node: str
