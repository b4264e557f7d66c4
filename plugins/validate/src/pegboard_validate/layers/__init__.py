"""The layers around a task: one checks its arguments, one its results."""
