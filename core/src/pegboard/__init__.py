"""Pegboard: a small task core with a grid of hooks; everything else is a plugin hung on a session."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pegboard._first_party import PROVIDED
from pegboard.calls.call import Call
from pegboard.current import current_call
from pegboard.errors import (
    AwaitInSyncTask,
    BindError,
    ConfigError,
    DeadlineExceeded,
    InvalidName,
    InvalidPlugin,
    InvalidTask,
    MapError,
    MissingPlugin,
    PegboardError,
    PluginConflict,
    RemoteError,
    SessionError,
    Suspended,
    TaskTimeout,
    TransportError,
    UnknownEvent,
    UnsupportedTask,
    WorkerDied,
)
from pegboard.hookspecs import hookimpl, hookspec
from pegboard.layers import Layer, Order, Scope
from pegboard.options import On, Option
from pegboard.privacy import Secret
from pegboard.records import Outcome, TaskResult
from pegboard.running.group import Group
from pegboard.sessions.session import Session, current_session
from pegboard.tasks.task import Task, task

if TYPE_CHECKING:  # so that editors and type checkers see the real classes
    from pegboard_cache import Cache as Cache
    from pegboard_cache import Caching as Caching
    from pegboard_compose import gather as gather
    from pegboard_compose import parallel as parallel
    from pegboard_compose import pipeline as pipeline
    from pegboard_console import Console as Console
    from pegboard_dask import Dask as Dask
    from pegboard_datasets import ArtifactRef as ArtifactRef
    from pegboard_datasets import Dataset as Dataset
    from pegboard_datasets import DatasetError as DatasetError
    from pegboard_datasets import Datasets as Datasets
    from pegboard_datasets import Load as Load
    from pegboard_datasets import Persist as Persist
    from pegboard_flow import DependencyGraph as DependencyGraph
    from pegboard_flow import Graph as Graph
    from pegboard_flow import conditional as conditional
    from pegboard_flow import flow as flow
    from pegboard_flow import sequential as sequential
    from pegboard_jsonlines import JSONLines as JSONLines
    from pegboard_limits import Breaker as Breaker
    from pegboard_limits import BreakerOpen as BreakerOpen
    from pegboard_limits import Concurrency as Concurrency
    from pegboard_limits import LimitExceeded as LimitExceeded
    from pegboard_limits import Limits as Limits
    from pegboard_limits import RateLimit as RateLimit
    from pegboard_logs import Logs as Logs
    from pegboard_metrics import Metered as Metered
    from pegboard_metrics import Metrics as Metrics
    from pegboard_otlp import OTLP as OTLP
    from pegboard_processes import Processes as Processes
    from pegboard_progress import Progress as Progress
    from pegboard_progress import progress as progress
    from pegboard_prometheus import Prometheus as Prometheus
    from pegboard_queue import Queue as Queue
    from pegboard_queue import TaskManager as TaskManager
    from pegboard_queue import TaskQueue as TaskQueue
    from pegboard_queue import Work as Work
    from pegboard_recover import Fallback as Fallback
    from pegboard_recover import Handle as Handle
    from pegboard_recover import Recovery as Recovery
    from pegboard_recover import Undo as Undo
    from pegboard_resources import Measured as Measured
    from pegboard_resources import Resources as Resources
    from pegboard_retry import Backoff as Backoff
    from pegboard_retry import Retry as Retry
    from pegboard_retry import RetryBudget as RetryBudget
    from pegboard_retry import Retrying as Retrying
    from pegboard_schedule import At as At
    from pegboard_schedule import Cron as Cron
    from pegboard_schedule import Every as Every
    from pegboard_schedule import Scheduling as Scheduling
    from pegboard_schedule import When as When
    from pegboard_secrets import NeedsSecrets as NeedsSecrets
    from pegboard_secrets import Secrets as Secrets
    from pegboard_secrets import secret as secret
    from pegboard_timeout import Deadline as Deadline
    from pegboard_timeout import Timeout as Timeout
    from pegboard_timeout import Timeouts as Timeouts
    from pegboard_tracing import Traced as Traced
    from pegboard_tracing import Tracing as Tracing
    from pegboard_validate import InvalidInput as InvalidInput
    from pegboard_validate import InvalidOutput as InvalidOutput
    from pegboard_validate import OutputFormat as OutputFormat
    from pegboard_validate import Validate as Validate
    from pegboard_validate import Validation as Validation
    from pegboard_validate import extract_json as extract_json
    from pegboard_validate import json_extraction_task as json_extraction_task
    from pegboard_validate import pydantic_task as pydantic_task
    from pegboard_validate import string_task as string_task

__all__ = [  # noqa: RUF022 - by concept
    # tasks and what they leave behind
    "Call",
    "Group",
    "On",
    "Option",
    "Outcome",
    "Secret",
    "Task",
    "TaskResult",
    "current_call",
    "task",
    # sessions and plugins
    "Layer",
    "Order",
    "Scope",
    "Session",
    "current_session",
    "hookimpl",
    "hookspec",
    # errors
    "AwaitInSyncTask",
    "BindError",
    "ConfigError",
    "DeadlineExceeded",
    "InvalidName",
    "InvalidPlugin",
    "InvalidTask",
    "MapError",
    "MissingPlugin",
    "PegboardError",
    "PluginConflict",
    "RemoteError",
    "SessionError",
    "Suspended",
    "TaskTimeout",
    "TransportError",
    "UnknownEvent",
    "UnsupportedTask",
    "WorkerDied",
]


def __getattr__(name: str) -> Any:
    """Find a first-party option or plugin in its own distribution, when it is first asked for."""
    import importlib

    extra = PROVIDED.get(name)
    if extra is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

    module = f"pegboard_{extra}"
    try:
        found = getattr(importlib.import_module(module), name)
    except ModuleNotFoundError as error:
        if error.name != module:  # installed, and a dependency of it is missing
            raise
        raise MissingPlugin(
            f"{name} needs the plugin {extra!r}: pip install 'pegboard[{extra}]'", plugin=extra
        ) from None
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *PROVIDED})
