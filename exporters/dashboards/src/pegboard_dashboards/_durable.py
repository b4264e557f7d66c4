"""Names of what pegboard-durable measures."""

from __future__ import annotations

STATUS = "pegboard_run_status"
RUNS = "pegboard_durable_runs"
"""Of the whole journal, so every process that has it open says the same: take the maximum."""
ENDED = "pegboard_durable_runs_ended_total"
STEPS = "pegboard_durable_step_duration_seconds"
REPLAYS = "pegboard_task_replays_total"
LEASE_LOSSES = "pegboard_durable_lease_losses_total"
