"""One invocation of a task, and what a layer may ask of it."""
