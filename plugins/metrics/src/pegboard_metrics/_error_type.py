"""What stands in `error_type`."""

from __future__ import annotations


def qualified_name(cls: type) -> str:
    """Name a class as `module.qualname`, builtins without their module; the same text as a span's `error.type`."""
    module, name = cls.__module__, cls.__qualname__
    return name if module == "builtins" else f"{module}.{name}"


def counts_as_error(error: BaseException | None) -> bool:
    """Whether a call that ended with `error` has an error type: not when it was only cancelled, closed or suspended."""
    return isinstance(error, Exception | KeyboardInterrupt | SystemExit)
