"""Tasks written as classes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

from pegboard import Option, Task, task


class Work(ABC):
    """Base of a task written as a class: its `execute` is the task, and its instances carry what one run needs.

        class Report(Work):
            options = (Retry(3),)

            def __init__(self, day: str) -> None:
                self.day = day

            def execute(self) -> int: ...

        manager.submit(Report("2026-08-01"))

    It is not called `Task`, as that is what `@task` makes: a decorated function, which serves every call, while an
    instance of this is one piece of work. `execute` may be of any of the four kinds, and may take arguments.

    Attributes:
        options: What the task asks for, as in `@task(...)`.
        name: The task's name; the class's by default.
    """

    options: ClassVar[tuple[Option, ...]] = ()
    name: ClassVar[str] = ""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        execute = cls.__dict__.get("execute")
        if execute is None or isinstance(execute, Task) or getattr(execute, "__isabstractmethod__", False):
            return
        name = cls.__dict__.get("name") or cls.__name__
        cls.execute = task(*cls.options, name=name)(execute)  # type: ignore[method-assign]

    @abstractmethod
    def execute(self, *args: Any, **kwargs: Any) -> Any:
        """Do the work; made a task in every subclass."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run it here and now."""
        return self.execute(*args, **kwargs)


def as_task(given: object) -> Task[..., Any]:
    """Return the task that an item is to call: a bound one has the same ways to be called.

    Raises:
        TypeError: It is nothing to be called, or what a call returned.
    """
    if isinstance(given, Task):
        return given
    if isinstance(given, Work):
        given = given.execute
    if isinstance(getattr(given, "__func__", None), Task):  # bound to an object
        return given  # type: ignore[return-value] # it has the same ways to be called
    if isinstance(given, type):
        raise TypeError(
            f"an item takes a task, a Work or a function, and {given.__name__} is a class.\nPass {given.__name__}(...)."
        )
    if not callable(given):
        raise TypeError(
            f"an item takes a task, a Work or a function, not {type(given).__name__}.\n"
            f"Pass the task and its arguments, without calling it: submit(task, (argument,))."
        )
    return task(given)
