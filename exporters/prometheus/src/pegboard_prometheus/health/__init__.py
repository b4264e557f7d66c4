"""What an orchestrator asks: whether the process is alive, and whether it is ready."""
