"""The keys under which the values of one task are kept."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from hashlib import blake2b
from types import MappingProxyType
from typing import Any

from pegboard import Task, texts
from pegboard.parts.signatures import refuse_unfit
from pegboard_cache._module_names import module_of
from pegboard_cache.keys import frames  # noqa: F401 - registers how arrays, tables and frames are written
from pegboard_cache.keys.binder import MISSING, Binder, Values, binder
from pegboard_cache.keys.encoder import canonical
from pegboard_cache.keys.identity import Identity, identity_of

CustomKey = Callable[[Mapping[str, Any]], str]
KeyOf = Callable[[tuple[Any, ...], Mapping[str, Any]], str]


def prefix_of(task: Task[..., Any]) -> str:
    """What all keys of a task begin with, whatever its code and its version; no other task's do."""
    place = f"{module_of(task.__wrapped__)}\0{task.name}".encode("utf-8", "surrogatepass")
    return f"{task.name}:{blake2b(place, digest_size=4).hexdigest()}:"


def keys_of(task: Task[..., Any], key: CustomKey | None = None, version: str | int | None = None) -> KeyOf:
    """Make the function that gives the key of a call from its positional and keyword arguments.

    A key is the name of the task and a digest of its code, its version and its inputs: it shows nothing of them, and
    every process comes to the same one.

    The function raises `Unhashable` for arguments without a canonical text, and whatever `key` raises.

    Raises:
        BindError: `key` cannot be called with the inputs, or gives something to await.

    Args:
        task: Whose calls they are.
        key: As in `Cache`.
        version: As in `Cache`.
    """
    function = task.__wrapped__
    prefix = prefix_of(task)
    bind, names = _binding(task)
    text_of = canonical if key is None else _custom(task, _checked(task, key), names)
    edition = canonical((version, key is None))
    identity = identity_of(function)
    start = _start(identity, edition)

    def key_of(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> str:
        nonlocal identity, start
        if identity.cells and not identity.holds():
            identity = identity_of(function)
            start = _start(identity, edition)
        text = start + text_of(bind(args, kwargs))
        return prefix + blake2b(text.encode("utf-8", "surrogatepass"), digest_size=20).hexdigest()

    return key_of


def _start(identity: Identity, edition: str) -> str:
    return f"{identity.digest}{edition}"


def _binding(task: Task[..., Any]) -> tuple[Binder, tuple[str, ...]]:
    try:
        signature = task.signature
    except ValueError:  # a builtin that does not tell
        return (lambda args, kwargs: (args, dict(kwargs))), ("args", "kwargs")
    return binder(signature), tuple(signature.parameters)


def _checked(task: Task[..., Any], key: CustomKey) -> CustomKey:
    """Refuse now what every call would fail with."""
    body = key.__wrapped__ if isinstance(key, Task) else key
    refuse_unfit(body, "inputs", what="Cache(key=...)", plugin="cache", task=task.name)
    return key


def _custom(task: Task[..., Any], key: CustomKey, names: tuple[str, ...]) -> Callable[[Values], str]:
    def text_of(values: Values) -> str:
        named = zip(names, values, strict=True)
        text = key(MappingProxyType({name: value for name, value in named if value is not MISSING}))
        if not isinstance(text, str):
            raise TypeError(
                f"the key function of task {task.name!r} returned {texts.a(type(text).__name__)}, and a cache key is a string.\n"
                f"Let it return one: Cache(key=lambda inputs: str(...))."
            )
        return text

    return text_of
