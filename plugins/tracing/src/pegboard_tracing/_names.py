"""Every name that spans of Pegboard carry, so that a change of one is a change of one line."""

from __future__ import annotations

SCOPE = "pegboard"
SCHEMA_URL = "https://opentelemetry.io/schemas/1.44.0"

TASK_NAME = "pegboard.task.name"
SESSION_ID = "pegboard.session.id"
CALL_ID = "pegboard.call.id"
CALL_STATUS = "pegboard.call.status"
CALL_SOURCE = "pegboard.call.source"
CALL_ATTEMPTS = "pegboard.call.attempts"
ATTEMPT = "pegboard.attempt"
EXECUTOR_NAME = "pegboard.executor.name"
CACHE_RESULT = "pegboard.cache.result"
ARGUMENT = "pegboard.argument."
LINK_TYPE = "pegboard.link.type"
MAP_SIZE = "pegboard.map.size"
MAP_SUCCEEDED = "pegboard.map.succeeded"
MAP_FAILED = "pegboard.map.failed"
MAP_SUPPRESSED = "pegboard.map.spans_suppressed"

# From the semantic conventions 1.44.
CODE_FUNCTION = "code.function.name"
CODE_FILE = "code.file.path"
CODE_LINE = "code.line.number"
ERROR_TYPE = "error.type"
EXCEPTION_EVENT = "exception"
EXCEPTION_TYPE = "exception.type"
EXCEPTION_MESSAGE = "exception.message"
EXCEPTION_STACKTRACE = "exception.stacktrace"
