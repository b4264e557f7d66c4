"""First-party options and plugins that `pegboard.<Name>` finds in their own distributions; written by `make members`."""

# ruff: noqa: TC004 - what type checkers are told to be exported is there for them alone

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:  # so that editors and type checkers see the real classes
    from pegboard_cache import (
        Cache,
        Caching,
    )
    from pegboard_compose import (
        gather,
        parallel,
        pipeline,
    )
    from pegboard_console import (
        Console,
    )
    from pegboard_dask import (
        Dask,
    )
    from pegboard_datasets import (
        ArtifactRef,
        Dataset,
        DatasetError,
        Datasets,
        Load,
        Persist,
    )
    from pegboard_flow import (
        DependencyGraph,
        Graph,
        conditional,
        flow,
        sequential,
    )
    from pegboard_jsonlines import (
        JSONLines,
    )
    from pegboard_limits import (
        Breaker,
        BreakerOpen,
        Concurrency,
        LimitExceeded,
        Limits,
        RateLimit,
    )
    from pegboard_logs import (
        Logs,
    )
    from pegboard_metrics import (
        Metered,
        Metrics,
    )
    from pegboard_otlp import (
        OTLP,
    )
    from pegboard_processes import (
        Processes,
    )
    from pegboard_progress import (
        Progress,
        progress,
    )
    from pegboard_prometheus import (
        Prometheus,
    )
    from pegboard_queue import (
        Queue,
        TaskManager,
        TaskQueue,
        Work,
    )
    from pegboard_recover import (
        Fallback,
        Handle,
        Recovery,
        Undo,
    )
    from pegboard_resources import (
        Measured,
        Resources,
    )
    from pegboard_retry import (
        Backoff,
        Retry,
        RetryBudget,
        Retrying,
    )
    from pegboard_schedule import (
        At,
        Cron,
        Every,
        Scheduling,
        When,
    )
    from pegboard_secrets import (
        NeedsSecrets,
        Secrets,
        secret,
    )
    from pegboard_timeout import (
        Deadline,
        Timeout,
        Timeouts,
    )
    from pegboard_tracing import (
        Traced,
        Tracing,
    )
    from pegboard_validate import (
        InvalidInput,
        InvalidOutput,
        OutputFormat,
        Validate,
        Validation,
        extract_json,
        json_extraction_task,
        pydantic_task,
        string_task,
    )

    __all__ = [
        "OTLP",
        "ArtifactRef",
        "At",
        "Backoff",
        "Breaker",
        "BreakerOpen",
        "Cache",
        "Caching",
        "Concurrency",
        "Console",
        "Cron",
        "Dask",
        "Dataset",
        "DatasetError",
        "Datasets",
        "Deadline",
        "DependencyGraph",
        "Every",
        "Fallback",
        "Graph",
        "Handle",
        "InvalidInput",
        "InvalidOutput",
        "JSONLines",
        "LimitExceeded",
        "Limits",
        "Load",
        "Logs",
        "Measured",
        "Metered",
        "Metrics",
        "NeedsSecrets",
        "OutputFormat",
        "Persist",
        "Processes",
        "Progress",
        "Prometheus",
        "Queue",
        "RateLimit",
        "Recovery",
        "Resources",
        "Retry",
        "RetryBudget",
        "Retrying",
        "Scheduling",
        "Secrets",
        "TaskManager",
        "TaskQueue",
        "Timeout",
        "Timeouts",
        "Traced",
        "Tracing",
        "Undo",
        "Validate",
        "Validation",
        "When",
        "Work",
        "conditional",
        "extract_json",
        "flow",
        "gather",
        "json_extraction_task",
        "parallel",
        "pipeline",
        "progress",
        "pydantic_task",
        "secret",
        "sequential",
        "string_task",
    ]

# Public name -> folder of plugins/ or exporters/, which is also the extra and the entry-point name.
PROVIDED: dict[str, str] = {
    "OTLP": "otlp",
    "ArtifactRef": "datasets",
    "At": "schedule",
    "Backoff": "retry",
    "Breaker": "limits",
    "BreakerOpen": "limits",
    "Cache": "cache",
    "Caching": "cache",
    "Concurrency": "limits",
    "Console": "console",
    "Cron": "schedule",
    "Dask": "dask",
    "Dataset": "datasets",
    "DatasetError": "datasets",
    "Datasets": "datasets",
    "Deadline": "timeout",
    "DependencyGraph": "flow",
    "Every": "schedule",
    "Fallback": "recover",
    "Graph": "flow",
    "Handle": "recover",
    "InvalidInput": "validate",
    "InvalidOutput": "validate",
    "JSONLines": "jsonlines",
    "LimitExceeded": "limits",
    "Limits": "limits",
    "Load": "datasets",
    "Logs": "logs",
    "Measured": "resources",
    "Metered": "metrics",
    "Metrics": "metrics",
    "NeedsSecrets": "secrets",
    "OutputFormat": "validate",
    "Persist": "datasets",
    "Processes": "processes",
    "Progress": "progress",
    "Prometheus": "prometheus",
    "Queue": "queue",
    "RateLimit": "limits",
    "Recovery": "recover",
    "Resources": "resources",
    "Retry": "retry",
    "RetryBudget": "retry",
    "Retrying": "retry",
    "Scheduling": "schedule",
    "Secrets": "secrets",
    "TaskManager": "queue",
    "TaskQueue": "queue",
    "Timeout": "timeout",
    "Timeouts": "timeout",
    "Traced": "tracing",
    "Tracing": "tracing",
    "Undo": "recover",
    "Validate": "validate",
    "Validation": "validate",
    "When": "schedule",
    "Work": "queue",
    "conditional": "flow",
    "extract_json": "validate",
    "flow": "flow",
    "gather": "compose",
    "json_extraction_task": "validate",
    "parallel": "compose",
    "pipeline": "compose",
    "progress": "progress",
    "pydantic_task": "validate",
    "secret": "secrets",
    "sequential": "flow",
    "string_task": "validate",
}
EXTRAS: frozenset[str] = frozenset(
    (
        "cache",
        "cli",
        "compose",
        "console",
        "dashboards",
        "dask",
        "datasets",
        "flow",
        "jsonlines",
        "limits",
        "logs",
        "metrics",
        "otlp",
        "processes",
        "progress",
        "prometheus",
        "queue",
        "recover",
        "resources",
        "retry",
        "schedule",
        "secrets",
        "timeout",
        "tracing",
        "validate",
    )
)
# Name of an executor -> the plugin that has it.
EXECUTORS: dict[str, str] = {
    "dask": "dask",
    "processes": "processes",
}
# The plugin that takes functions to executors that were handed in.
CARRIER = "processes"
# Name of a plugin -> its class in `pegboard_<name>`.
PLUGINS: dict[str, str] = {
    "cache": "Caching",
    "console": "Console",
    "dask": "Dask",
    "datasets": "Datasets",
    "jsonlines": "JSONLines",
    "limits": "Limits",
    "logs": "Logs",
    "metrics": "Metrics",
    "otlp": "OTLP",
    "processes": "Processes",
    "progress": "Progress",
    "prometheus": "Prometheus",
    "queue": "Queue",
    "recover": "Recovery",
    "resources": "Resources",
    "retry": "Retrying",
    "schedule": "Scheduling",
    "secrets": "Secrets",
    "timeout": "Timeouts",
    "tracing": "Tracing",
    "validate": "Validation",
}
