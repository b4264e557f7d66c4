"""First-party options and plugins that `pegboard.<Name>` finds in their own distributions; written by `make members`."""

# ruff: noqa: I001, TC004 - one line a member; what type checkers are told to be exported is there for them alone
# fmt: off

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:  # so that editors and type checkers see the real classes
    from pegboard_cache import Cache, Caching
    from pegboard_compose import apipeline, gather, parallel, pipeline
    from pegboard_console import Console
    from pegboard_dask import Dask
    from pegboard_datasets import ArtifactRef, Dataset, DatasetError, Datasets, Load, Persist
    from pegboard_durable import Durability, Durable
    from pegboard_flow import DependencyGraph, Graph, conditional, flow, sequential
    from pegboard_jsonlines import JSONLines
    from pegboard_limits import Breaker, BreakerOpen, Concurrency, LimitExceeded, Limits, RateLimit
    from pegboard_logs import Logs
    from pegboard_metrics import Metered, Metrics
    from pegboard_otlp import OTLP
    from pegboard_processes import Processes
    from pegboard_progress import Progress, progress
    from pegboard_prometheus import Prometheus
    from pegboard_queue import Queue, TaskManager, TaskQueue, Work
    from pegboard_recover import Fallback, Handle, Recovery, Undo
    from pegboard_resources import Measured, Resources
    from pegboard_retry import Backoff, Retry, RetryBudget, Retrying
    from pegboard_schedule import At, Cron, Every, Scheduling, When
    from pegboard_secrets import NeedsSecrets, Secrets, secret
    from pegboard_timeout import Deadline, Timeout, Timeouts
    from pegboard_tracing import Traced, Tracing
    from pegboard_validate import InvalidInput, InvalidOutput, OutputFormat, Validate, Validation, extract_json, json_extraction_task, pydantic_task, string_task

    __all__ = [
        "OTLP", "ArtifactRef", "At", "Backoff", "Breaker", "BreakerOpen", "Cache", "Caching", "Concurrency",
        "Console", "Cron", "Dask", "Dataset", "DatasetError", "Datasets", "Deadline", "DependencyGraph",
        "Durability", "Durable", "Every", "Fallback", "Graph", "Handle", "InvalidInput", "InvalidOutput",
        "JSONLines", "LimitExceeded", "Limits", "Load", "Logs", "Measured", "Metered", "Metrics",
        "NeedsSecrets", "OutputFormat", "Persist", "Processes", "Progress", "Prometheus", "Queue",
        "RateLimit", "Recovery", "Resources", "Retry", "RetryBudget", "Retrying", "Scheduling", "Secrets",
        "TaskManager", "TaskQueue", "Timeout", "Timeouts", "Traced", "Tracing", "Undo", "Validate",
        "Validation", "When", "Work", "apipeline", "conditional", "extract_json", "flow", "gather",
        "json_extraction_task", "parallel", "pipeline", "progress", "pydantic_task", "secret", "sequential",
        "string_task",
    ]

# Folder of plugins/ or exporters/, which is also the extra -> names that `pegboard.<Name>` finds there.
MEMBERS: dict[str, tuple[str, ...]] = {
    "cache": ("Cache", "Caching"),
    "cli": (),
    "compose": ("apipeline", "gather", "parallel", "pipeline"),
    "console": ("Console",),
    "dashboards": (),
    "dask": ("Dask",),
    "datasets": ("ArtifactRef", "Dataset", "DatasetError", "Datasets", "Load", "Persist"),
    "durable": ("Durability", "Durable"),
    "flow": ("DependencyGraph", "Graph", "conditional", "flow", "sequential"),
    "jsonlines": ("JSONLines",),
    "limits": ("Breaker", "BreakerOpen", "Concurrency", "LimitExceeded", "Limits", "RateLimit"),
    "logs": ("Logs",),
    "metrics": ("Metered", "Metrics"),
    "otlp": ("OTLP",),
    "processes": ("Processes",),
    "progress": ("Progress", "progress"),
    "prometheus": ("Prometheus",),
    "queue": ("Queue", "TaskManager", "TaskQueue", "Work"),
    "recover": ("Fallback", "Handle", "Recovery", "Undo"),
    "resources": ("Measured", "Resources"),
    "retry": ("Backoff", "Retry", "RetryBudget", "Retrying"),
    "schedule": ("At", "Cron", "Every", "Scheduling", "When"),
    "secrets": ("NeedsSecrets", "Secrets", "secret"),
    "timeout": ("Deadline", "Timeout", "Timeouts"),
    "tracing": ("Traced", "Tracing"),
    "validate": ("InvalidInput", "InvalidOutput", "OutputFormat", "Validate", "Validation", "extract_json", "json_extraction_task", "pydantic_task", "string_task"),
}
PROVIDED: dict[str, str] = {name: member for member, names in MEMBERS.items() for name in names}
# Name of an executor -> the plugin that has it.
EXECUTORS: dict[str, str] = {
    "dask": "dask", "processes": "processes",
}
# The plugin that takes functions to executors that were handed in.
CARRIER = "processes"
# Name of a plugin -> its class in `pegboard_<name>`.
PLUGINS: dict[str, str] = {
    "cache": "Caching", "console": "Console", "dask": "Dask", "datasets": "Datasets", "durable":
    "Durability", "jsonlines": "JSONLines", "limits": "Limits", "logs": "Logs", "metrics": "Metrics",
    "otlp": "OTLP", "processes": "Processes", "progress": "Progress", "prometheus": "Prometheus", "queue":
    "Queue", "recover": "Recovery", "resources": "Resources", "retry": "Retrying", "schedule": "Scheduling",
    "secrets": "Secrets", "timeout": "Timeouts", "tracing": "Tracing", "validate": "Validation",
}
