"""One run of a graph, from its numbered nodes to its value."""
