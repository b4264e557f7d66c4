"""Values as bytes, for another process of the same program.

With cloudpickle installed, functions and classes that no module has by name go along: lambdas, closures, what stands in
the main script. Without it, all must be importable.
"""

from __future__ import annotations

import functools
import io
import pickle
import signal
import sys
import weakref
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pegboard.tasks.task import Task


def dumps(value: object) -> bytes:
    """Turn a value into bytes.

    Raises:
        Exception: Whatever says that it cannot be; pickle has no error of its own for all of it.
    """
    with io.BytesIO() as file:
        try:
            _pickler()(file, protocol=pickle.HIGHEST_PROTOCOL).dump(value)
        except (Exception, KeyboardInterrupt):
            raise
        except BaseException as error:  # noqa: BLE001 - no end of ours
            raise refusal(error) from None
        return file.getvalue()


def loads(data: bytes) -> Any:
    """Make the value again. The bytes come from a process that we started, or that started us.

    Raises:
        Exception: Whatever says that it cannot be.
    """
    try:
        return pickle.loads(data)  # noqa: S301
    except (Exception, KeyboardInterrupt):
        raise
    except BaseException as error:  # noqa: BLE001 - no end of ours
        raise refusal(error) from None


def refusal(error: BaseException) -> Exception:
    """Return what stands for an exit that came of pickling, as of a module that refuses to be imported.

    Raises:
        SystemExit: A signal handler raised it, wherever the program happened to be.
    """
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code in _handlers():
            raise error
        trace = trace.tb_next
    return pickle.PickleError(f"{type(error).__name__}: {error}")


def _handlers() -> set[object]:
    """The code of all signal handlers that are functions or methods."""
    handlers = map(signal.getsignal, signal.valid_signals())
    return {getattr(each, "__code__", None) for each in handlers} - {None}


class Spoilt:
    """Stands where a value was that cannot be made again.

    Attributes:
        error: What says so.
    """

    def __init__(self, error: Exception) -> None:
        self.error = error


_SAFE = {int, float, bool, str, bytes, type(None)}
_FEW = 64


def _is_plain(value: Any, depth: int = 2) -> bool:
    """Whether a value is made of built-in ones alone, so that nothing can go wrong with it; of larger ones it is not asked."""
    cls = type(value)
    if cls in _SAFE:
        return True
    if cls not in (tuple, list, dict) or len(value) > _FEW or not depth:
        return False
    parts = [*value, *value.values()] if cls is dict else value
    return _SAFE.issuperset(map(type, parts)) or all(_is_plain(part, depth - 1) for part in parts)


def dumps_each(values: Sequence[object]) -> tuple[bytes, Mapping[int, Exception]]:
    """Turn values into bytes of which each can be made again, whatever becomes of the others.

    Returns:
        The bytes, and by position why one of them is left out.
    """
    if _SAFE.issuperset(map(type, values)) or all(map(_is_plain, values)):
        return dumps(values), {}  # together, in a fifth of the time
    stuck: dict[int, Exception] = {}
    parts: list[bytes] = []
    with io.BytesIO() as file:
        pickler = _pickler()(file, protocol=pickle.HIGHEST_PROTOCOL)
        for position, value in enumerate(values):
            try:
                pickler.dump(value)
            except KeyboardInterrupt:
                raise
            except BaseException as error:  # noqa: BLE001 - pickle has no error of its own for all of it
                stuck[position] = error if isinstance(error, Exception) else refusal(error)
                parts.append(_NONE)
                pickler = _pickler()(file, protocol=pickle.HIGHEST_PROTOCOL)
            else:
                parts.append(file.getvalue())
                pickler.clear_memo()
            file.seek(0)
            file.truncate()
    return dumps(tuple(parts)), stuck


def loads_each(data: bytes) -> list[Any]:
    """Make values again, with a `Spoilt` in place of one that cannot be."""
    found = loads(data)
    return found if isinstance(found, list) else [_loaded(part) for part in found]


def _loaded(part: bytes) -> Any:
    try:
        return loads(part)
    except Exception as error:  # noqa: BLE001 - whatever says that it cannot be made again
        return Spoilt(error)


_NONE = pickle.dumps(None, pickle.HIGHEST_PROTOCOL)


_BY_NAME: weakref.WeakSet[object] = (
    weakref.WeakSet()
)  # classes: to find that out takes longer than to pickle one


@functools.cache
def _pickler() -> type[pickle.Pickler]:
    try:
        from cloudpickle import CloudPickler  # type: ignore[import-untyped]
    except ModuleNotFoundError:
        return _PlainPickler

    class _CloudPickler(CloudPickler):  # type: ignore[misc]
        """Takes tasks by value that only the main script has."""

        def reducer_override(self, obj: object) -> Any:
            if obj.__class__ is type and obj in _BY_NAME:
                return NotImplemented
            reduced = _reduced(obj)
            if reduced is not NotImplemented:
                return reduced
            reduced = super().reducer_override(obj)
            if reduced is NotImplemented and obj.__class__ is type:
                _BY_NAME.add(obj)
            return reduced

    return _CloudPickler


class _PlainPickler(pickle.Pickler):
    """Refuses what the main script has: it would be looked up in the other process, which has another one."""

    def reducer_override(self, obj: object) -> Any:
        if isinstance(obj, type) or callable(obj):
            module = getattr(obj, "__module__", None)
            if module == "__main__" and getattr(obj, "__qualname__", None):
                raise pickle.PicklingError(
                    f"{obj!r} stands in the main script, which other processes do not have. Put it into a module, or "
                    f"install what can send it: pip install cloudpickle"
                )
        return NotImplemented


def _reduced(obj: object) -> Any:
    """Reduce a task to its parts, where it cannot be found by name."""
    if not _is_task(obj):
        return NotImplemented
    task: Any = obj
    if travels_by_name(task):
        return NotImplemented
    if not _is_found_anew(task.__module__):
        _take_along(task.__module__)
    settings = {
        "name": task.written_name,
        "description": task.description,
        "tags": task.tags,
        "sensitive": task.sensitive,
    }
    # In two steps, as the function may refer to the task it is.
    return _blank, (type(task),), (task.__wrapped__, task.options, settings), None, None, _fill


def travels_by_name(task: Task[..., Any]) -> bool:
    """Whether another process finds a task in its module; its pickle is the same at any time then."""
    module = task.__module__
    return module != "__main__" and _is_found_anew(module) and _is_importable(task)


def _is_task(obj: object) -> bool:
    tasks = sys.modules.get("pegboard.tasks.task")
    return tasks is not None and isinstance(obj, tasks.Task)


@functools.cache
def _is_found_anew(module: str) -> bool:
    """Whether another process can import a module: one that was made by hand, or by a test runner, is only here."""
    top = module.partition(".")[0]
    return module == "__main__" or any(
        finder.find_spec(top, None) is not None for finder in sys.meta_path if hasattr(finder, "find_spec")
    )


def _take_along(module: str) -> None:
    """Have functions and classes of a module travel by value."""
    from cloudpickle import register_pickle_by_value

    if module in sys.modules:
        register_pickle_by_value(sys.modules[module])
        _BY_NAME.clear()


def _is_importable(task: Task[..., Any]) -> bool:
    try:
        task.__reduce__()
    except TypeError:
        return False
    return True


def _blank(cls: type[Task[..., Any]]) -> Task[..., Any]:
    return cls.__new__(cls)


def _fill(task: Task[..., Any], parts: tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]) -> None:
    function, options, settings = parts
    task.__init__(function, options, **settings)  # type: ignore[misc]
