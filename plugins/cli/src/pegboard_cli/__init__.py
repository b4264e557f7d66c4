"""The command `pegboard`: run a task, and see plugins, hooks and plans."""
