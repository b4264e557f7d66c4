"""What can be scheduled."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pegboard_schedule._errors import ScheduleError
from pegboard_schedule._trigger import Trigger

if TYPE_CHECKING:
    from pegboard import Task


def checked_task(task: Task[..., Any]) -> Task[..., Any]:
    """Return a task.

    Raises:
        TypeError: It is something else.
    """
    if not (hasattr(task, "submit") and hasattr(task, "with_options")):
        raise TypeError(
            f"a schedule runs tasks, and this is of type {type(task).__name__}. Decorate the function with @task."
        )
    return task


def triggers_of(task: Task[..., Any], given: Trigger | None = None) -> list[Trigger]:
    """Return the trigger that was given, or those among the task's options.

    Raises:
        TypeError: What was given is no trigger.
        ScheduleError: There is none.
    """
    if given is not None:
        if not isinstance(given, Trigger):
            raise TypeError(
                f"a trigger is At(...), Every(...), Cron(...), When(...) or a subclass of Trigger, and this is "
                f"of type {type(given).__name__}."
            )
        return [given]
    found = [option for option in task.options if isinstance(option, Trigger)]
    if not found:
        raise ScheduleError(
            f"task {task.name!r} has no trigger, so it would never run.\n"
            f"Give it one: @task(Every(60)), or add(task, Every(60))."
        )
    return found


def checked_arguments(task: Task[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
    """Refuse arguments that the function does not take; one that is missing may be filled in by a plugin.

    Raises:
        TypeError: As the call would.
    """
    try:
        inspect.signature(task).bind_partial(*args, **kwargs)
    except TypeError as error:
        raise TypeError(f"task {task.name!r} cannot be run with these arguments: {error}.") from None
    except ValueError:  # a builtin that does not tell its signature
        return
