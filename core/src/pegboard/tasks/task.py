"""Tasks: decorated functions."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, Self, TypeVar, overload

from pegboard.calls.call import Call, inherit, new_call, next_number
from pegboard.calls.time_limit import limit_in_force
from pegboard.current import active_session, running_call
from pegboard.errors import InvalidTask, UnsupportedTask
from pegboard.options import Option, is_owned, refuse_non_option
from pegboard.parts import checks
from pegboard.sessions.default import DEFAULT
from pegboard.sessions.serving import SERVING
from pegboard.sessions.session import current_session
from pegboard.tasks.naming import (
    NameTemplate,
    copy_metadata,
    default_name,
    is_in_class_body,
    kind_of,
    without_partial,
)
from pegboard.tasks.pickling import PickledByName
from pegboard.tasks.ways import WaysToCall

if TYPE_CHECKING:
    from pegboard.plans.plan import Plan
    from pegboard.records import Kind
    from pegboard.sessions.session import Session

P = ParamSpec("P")
Q = ParamSpec("Q")
R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)
S = TypeVar("S")
T = TypeVar("T")


class Task(PickledByName, WaysToCall[P, R_co]):
    """A decorated function: called like the function, and able to do more.

    Attributes:
        name: Static name; for a template the template itself. Metrics, spans, keys and journals use this one.
        kind: `function`, `coroutine`, `generator` or `async_generator`. It alone decides what a call returns.
        options: What the task asks for, in the order given.
        description: The description given, or the docstring, or "".
        tags: Free strings for people and plugins to sort tasks by.
        sensitive: Whether inputs, results and error texts are kept out of every store and sink.
    """

    __wrapped__: Callable[P, R_co]
    __name__: str
    __qualname__: str

    def __init__(
        self,
        function: Callable[P, R_co],
        options: tuple[Option, ...] = (),
        *,
        name: str | None = None,
        description: str | None = None,
        tags: Iterable[str] = (),
        sensitive: bool = False,
    ) -> None:
        _refuse_non_function(function)
        copy_metadata(self, function)
        self.kind: Kind = kind_of(function)
        self.name = default_name(function) if name is None else name
        self._template = None if name is None else NameTemplate.parse(name, _parameters(function))
        self.description = _docstring(without_partial(function)) if description is None else description
        self.tags = _checked_tags(tags)
        self.sensitive = sensitive
        self.options = _checked_options(self, options)
        self._plan: Plan | None = None
        self._plans: dict[Session, Plan] = {}
        self._bare_in: object = None
        self._signature: inspect.Signature | None = None
        for option in self.options:
            option.check(self)
        # A dictionary of its own, in which the interpreter remembers where attributes are; not in one that shares its keys.
        self.__dict__ = dict(self.__dict__)

    def __call__(self, /, *args: P.args, **kwargs: P.kwargs) -> R_co:
        """Call the function through the layers of the open session, or of the process-wide default one."""
        session = active_session.get()
        if session is None:
            session = SERVING.installed
            if session is None:
                if self._bare_in is SERVING.state:
                    return self.__wrapped__(*args, **kwargs)
                session = DEFAULT.for_task(self)
                if session is None:
                    self._bare_in = SERVING.state
                    return self.__wrapped__(*args, **kwargs)
        plan = self._plan
        if plan is None or plan.version != session.version:
            if not session.is_open:  # ended in another context, it is nobody's any more
                current_session()
                return self(*args, **kwargs)
            plan = self._plan_in(session)
        # `open_call`, written out: its frame alone would be a tenth of what a call costs.
        call = new_call(Call)
        call.plan = plan
        call.args = args
        call.kwargs = kwargs
        call.parent = parent = running_call.get()
        call.number = next_number()
        call.attempt = 0
        call.source = "run"
        call.hooking = False
        call.executor = "inline"
        call.time_limit = None
        if parent is not None and (parent.hooking or parent.in_hook or limit_in_force.get() is not None):
            inherit(call, parent)
        run = call.plan.run  # as a method, an attribute of the instance would be looked up in its class first
        return run(call)  # type: ignore[no-any-return]

    def applied_to(self, args: tuple[Any, ...]) -> tuple[Task[..., Any], tuple[Any, ...]]:
        """Return the task to call, and its arguments: these."""
        return self, args

    def __repr__(self) -> str:
        return f"<Task {self.name} ({self.kind.replace('_', ' ')})>"

    # Type checkers take `@classmethod` and `@staticmethod` off before they come to `@task`, so the first parameter has to
    # tell what is bound: a class, an object, or (of a function on the class, and of a staticmethod) nothing. It is matched
    # as a Callable, because mypy compares the parameters of one and not those of a Task.
    @overload
    def __get__(  # type: ignore[misc]
        self: Callable[Concatenate[type[S], Q], T], instance: S | None, owner: type[S]
    ) -> BoundTask[Q, T]: ...
    @overload
    def __get__(self, instance: None, owner: type) -> Self: ...
    @overload
    def __get__(
        self: Callable[Concatenate[S, Q], T], instance: S, owner: type[S] | None = None
    ) -> BoundTask[Q, T]: ...
    @overload
    def __get__(self, instance: object, owner: type | None = None) -> Self: ...
    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        return self if instance is None else BoundTask(self, instance)

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: object) -> Self:
        return self

    @property
    def signature(self) -> inspect.Signature:
        """The function's signature.

        Raises:
            ValueError: It is a builtin that does not tell.
        """
        if self._signature is None:
            self._signature = inspect.signature(self.__wrapped__)
        return self._signature

    def option(self, cls: type[T]) -> T | None:
        """Return the task's option of this class, or None."""
        for option in self.options:
            if isinstance(option, cls):
                return option
        return None

    def with_options(
        self,
        *options: Option,
        name: str | None = None,
        description: str | None = None,
        tags: Iterable[str] | None = None,
        sensitive: bool | None = None,
    ) -> Self:
        """Return a copy with these options: one of a class it already has replaces the old one, the rest is kept."""
        given = {type(option) for option in options}
        kept = tuple(option for option in self.options if type(option) not in given)
        return type(self)(
            self.__wrapped__,
            (*kept, *options),
            name=name if name is not None else self.written_name,
            description=self.description if description is None else description,
            tags=self.tags if tags is None else tags,
            sensitive=self.sensitive if sensitive is None else sensitive,
        )

    def render_name(self, call: Call) -> str:
        """Fill the name's placeholders in for one call; a sensitive task, or one called wrongly, shows the template."""
        if self._template is None or self.sensitive:
            return self.name
        try:
            return self._template.render(call.inputs, call.map_index)
        except TypeError:  # the arguments do not fit the signature, which is an error of its own
            return self.name

    @property
    def written_name(self) -> str | None:
        """The name as it was given, braces doubled where they are literal; None for the default one."""
        return None if self.name == default_name(self.__wrapped__) else self.name

    def _seen_with(self, options: tuple[Option, ...]) -> Self:
        """The task as plugins see it while binding: with the session's default options too."""
        seen = type(self).__new__(type(self))
        seen.__dict__.update(self.__dict__, options=options)
        return seen

    def _plan_in(self, session: Session) -> Plan:
        """The plan for a session, remade when its plugins changed."""
        plan = self._plan = session.plan_for(self)
        return plan

    def _forget(self, session: Session) -> None:
        """Let go of a session that has ended."""
        self._plans.pop(session, None)
        plan = self._plan
        if plan is not None and plan.session is session:
            self._plan = None


class _Unset:
    """An attribute that only instances have, each its own."""

    def __get__(self, instance: object, owner: type) -> Any:
        raise AttributeError


class MethodTask(Task[P, R_co], staticmethod):  # type: ignore[misc,type-arg]
    """A task made in the body of a class.

    Libraries that make classes look through that body: attrs for functions whose `super()` has to know the new class, pydantic
    for values that are no fields. They know functions, properties and these two descriptors; being one of them, whose
    `__func__` is the function, a task is treated as that function is. How it binds is its own.
    """

    __wrapped__ = _Unset()  # a staticmethod's cannot be set

    def __init__(
        self, function: Callable[P, R_co], options: tuple[Option, ...] = (), **settings: Any
    ) -> None:
        staticmethod.__init__(self, function)
        Task.__init__(self, function, options, **settings)

    def _seen_with(self, options: tuple[Option, ...]) -> Self:
        seen = super()._seen_with(options)
        staticmethod.__init__(seen, self.__wrapped__)
        return seen


class ClassTask(MethodTask[P, R_co]):
    """A task made of a classmethod: bound to the class."""

    def __get__(self, instance: object, owner: type | None = None) -> BoundTask[P, R_co]:  # type: ignore[override]
        """Bind to the class."""
        return BoundTask(self, type(instance) if owner is None else owner)


class StaticTask(MethodTask[P, R_co]):
    """A task made of a staticmethod: bound to nothing."""

    def __get__(self, instance: object, owner: type | None = None) -> Self:  # type: ignore[override]
        """Bind to nothing."""
        return self


class _Doc:
    """A docstring that a class has for itself, and its instances from the task they are bound to."""

    def __init__(self, own: str) -> None:
        self._own = own

    def __get__(self, instance: BoundTask[..., Any] | None, owner: type) -> str | None:
        doc: str | None = self._own if instance is None else instance.__func__.__doc__
        return doc


class BoundTask(WaysToCall[P, R_co]):
    """A task as the attribute of an object: the object goes first, as in a bound method."""

    __slots__ = ("__func__", "__self__")
    __func__: Any  # the Task; declared as such, a type checker would bind it once more
    __doc__ = _Doc(__doc__)

    def __init__(self, task: Task[..., R_co], instance: object) -> None:
        self.__func__ = task
        self.__self__ = instance

    def __call__(self, /, *args: P.args, **kwargs: P.kwargs) -> R_co:
        """Call the task with the object as its first argument."""
        value: R_co = self.__func__(self.__self__, *args, **kwargs)
        return value

    def __getattr__(self, name: str) -> Any:
        return getattr(self.__func__, name)

    def __repr__(self) -> str:
        return f"<bound {self.__func__!r} of {type(self.__self__).__name__}>"

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, BoundTask)
            and self.__func__ is other.__func__
            and self.__self__ is other.__self__
        )

    def __hash__(self) -> int:
        return hash((self.__func__, id(self.__self__)))

    def __reduce__(self) -> tuple[Any, ...]:
        return BoundTask, (self.__func__, self.__self__)

    @property
    def __signature__(self) -> inspect.Signature:
        signature: inspect.Signature = self.__func__.signature
        first, *rest = signature.parameters.values()
        return signature.replace(parameters=[first, *rest] if first.kind is first.VAR_POSITIONAL else rest)

    def applied_to(self, args: tuple[Any, ...]) -> tuple[Task[..., Any], tuple[Any, ...]]:
        """Return the task to call, and its arguments: the object first."""
        return self.__func__, (self.__self__, *args)

    def with_options(
        self,
        *options: Option,
        name: str | None = None,
        description: str | None = None,
        tags: Iterable[str] | None = None,
        sensitive: bool | None = None,
    ) -> BoundTask[P, R_co]:
        """Return a copy with other options, bound to the same object; see `Task.with_options`."""
        copy = self.__func__.with_options(
            *options, name=name, description=description, tags=tags, sensitive=sensitive
        )
        return BoundTask(copy, self.__self__)


@overload
def task(function: Callable[P, R], /) -> Task[P, R]: ...
@overload
def task(function: classmethod[Any, P, R], /) -> ClassTask[P, R]: ...
@overload
def task(function: staticmethod[P, R], /) -> StaticTask[P, R]: ...
@overload
def task(
    *options: Option,
    name: str | None = None,
    description: str | None = None,
    tags: Iterable[str] = (),
    sensitive: bool = False,
) -> Callable[[Callable[P, R]], Task[P, R]]: ...
def task(
    *given: Any,
    name: str | None = None,
    description: str | None = None,
    tags: Iterable[str] = (),
    sensitive: bool = False,
) -> Any:
    """Turn a function, coroutine function, generator function or async generator function into a task.

    Bare or configured: `@task`, `@task()`, `@task(Retry(3), name="load_{day}")`. The function itself is not changed.

    Args:
        given: Options, each belonging to one plugin, which it brings along.
        name: May hold `{parameter}` and `{map_index}`; default is the qualified name after any `<locals>.`.
        description: Default is the docstring.
        tags: Free strings.
        sensitive: Keep inputs, results and error texts out of every store and sink.

    Raises:
        InvalidTask: Not a function, not an option, or options that cannot be on this task.
    """
    settings: dict[str, Any] = {
        "name": name,
        "description": description,
        "tags": tags,
        "sensitive": sensitive,
    }
    if len(given) == 1 and _is_function(given[0]):
        return _make(given[0], (), settings)

    def decorate(function: Callable[..., Any]) -> Task[..., Any]:
        return _make(function, given, settings)

    for option in given:
        refuse_non_option(option, "@task", "@task({})")
    return decorate


def _make(function: Any, options: tuple[Option, ...], settings: dict[str, Any]) -> Task[..., Any]:
    _refuse_task(function)
    if isinstance(function, classmethod):
        return ClassTask(function.__func__, options, **settings)
    if isinstance(function, staticmethod):
        return StaticTask(function.__func__, options, **settings)
    made = MethodTask if is_in_class_body(function) else Task
    return made(function, options, **settings)


def _is_function(given: object) -> bool:
    """Whether what `@task` got is what it decorates, and not an option (or an option's class)."""
    if isinstance(given, Option) or (isinstance(given, type) and issubclass(given, Option)):
        return False
    return callable(given) or isinstance(given, classmethod | staticmethod)


def _docstring(function: Callable[..., Any]) -> str:
    """Return what a function says of itself. `inspect.getdoc` would look for its class, which may be half made."""
    doc = function.__doc__
    return inspect.cleandoc(doc) if isinstance(doc, str) else ""


def _refuse_task(function: object) -> None:
    if isinstance(function, Task | BoundTask):
        raise InvalidTask(f"{function!r} is a task already. To change its options: task.with_options(...).")


def _refuse_non_function(function: object) -> None:
    _refuse_task(function)
    if isinstance(function, type):
        raise InvalidTask(
            f"@task takes a function, and {function.__name__} is a class. Decorate the method that does the work."
        )
    if not callable(function):
        raise InvalidTask(f"@task takes a function, not {function!r}.")


def _checked_options(task: Task[..., Any], options: tuple[Option, ...]) -> tuple[Option, ...]:
    seen: set[type] = set()
    for option in options:
        refuse_non_option(option, "@task", "@task({})")
        name = type(option).__name__
        if type(option) in seen and not option.repeatable:
            raise InvalidTask(
                f"task {task.name!r} has {name} twice; the second would silently replace the first."
            )
        seen.add(type(option))
        if not is_owned(option):
            raise InvalidTask(
                f"task {task.name!r} asks for {name}, and that option belongs to no plugin, so nothing would ever read it.\n"
                f"Give its class a `plugin_name`, or a classmethod `plugin` that returns the plugin's class.",
            )
        if task.kind not in option.kinds:
            kinds = ", ".join(sorted(kind.replace("_", " ") for kind in option.kinds))
            raise UnsupportedTask(
                f"{name} cannot be on the {task.kind.replace('_', ' ')} task {task.name!r}.\nIt works on: {kinds}.",
                plugin=option.plugin_name,
                task=task.name,
                kind=task.kind,
            )
        if task.sensitive and option.stores_values:
            raise InvalidTask(
                f"task {task.name!r} is sensitive, and {name} would store its values.\nTake one of the two off.",
            )
    return options


def _checked_tags(tags: object) -> tuple[str, ...]:
    checked = tuple(tags) if isinstance(tags, Iterable) and not isinstance(tags, str) else (tags,)
    if not all(isinstance(tag, str) for tag in checked):
        raise InvalidTask(f"tags are strings, not {checks.shown(tags)}.")
    return checked


def _parameters(function: Callable[..., Any]) -> dict[str, inspect.Parameter]:
    try:
        return dict(inspect.signature(function).parameters)
    except (TypeError, ValueError):  # a builtin that does not tell
        return {}


__all__ = ["BoundTask", "ClassTask", "StaticTask", "Task", "kind_of", "task"]
