"""The plugin: a layer that fills in the keyword `secrets`."""

from __future__ import annotations

import inspect
import logging
from collections.abc import AsyncIterator, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from pegboard import Layer, Order, hookimpl, texts
from pegboard_secrets._errors import MissingSecrets
from pegboard_secrets._keys import checked_key
from pegboard_secrets._option import KEYWORD, NeedsSecrets
from pegboard_secrets._providers import Environment, Provider, Static, provider_from
from pegboard_secrets._sending import refuse_unsent, sendable
from pegboard_secrets._values import DepartingValues, SecretValues

if TYPE_CHECKING:
    from pegboard import Call, Session, Task
    from pegboard.layers import Proceed, ProceedStream
    from pegboard.privacy import Masks

Source = Provider | str | Mapping[str, str]


class Secrets:
    """Hands secrets to tasks that need them, and makes them known to the session, which masks them in what it records.

    Args:
        providers: Where to look, the first that has a key answers: providers, a mapping of values, or texts as in a
            configuration file: `environment`, `dotenv:.env`, `files:/run/secrets`, `keyring:service`,
            `vault:mount/path`. One or several; default is the environment.
    """

    name = "secrets"

    def __init__(
        self,
        providers: Provider | str | Mapping[str, str] | Iterable[Provider | str | Mapping[str, str]] = (),
    ) -> None:
        self.providers: tuple[Provider, ...] = tuple(_made(each) for each in _listed(providers)) or (
            Environment(),
        )
        self._told: set[str] = set()

    def worker_settings(self) -> dict[str, Any]:
        """Have workers ask the same providers; what cannot be pickled is refused there when a task needs it."""
        return {"providers": [sendable(each) for each in self.providers]}

    def __repr__(self) -> str:
        return f"<Secrets of {', '.join(map(str, self.providers))}>"

    def fetch(self, keys: Iterable[str], masks: Masks | None) -> SecretValues:
        """Look keys up, and add what is found to `masks`; what is missing is left out.

        Raises:
            SecretsUnavailable: A provider cannot be asked.
        """
        return self._find([checked_key(key) for key in keys], masks)

    def _find(self, keys: Iterable[str], masks: Masks | None) -> SecretValues:
        found: dict[str, str] = {}
        for key in keys:
            value = self._ask(key)
            if value is None:
                continue
            found[key] = value
            if masks is not None and not masks.add(value):
                self._tell_short(key)
        return SecretValues(found)

    def _ask(self, key: str) -> str | None:
        for provider in self.providers:
            value: object = provider.get(key)
            if isinstance(value, str):
                return value
            if value is not None:
                if inspect.iscoroutine(value):
                    value.close()
                raise TypeError(
                    f"the provider of secrets {provider} gave {texts.a(type(value).__name__)} for {key!r}; its `get` is a plain "
                    f"function that returns a str or None."
                )
        return None

    @hookimpl
    def bind(self, session: Session, task: Task[..., Any]) -> Layer | None:
        """Put a layer around a task that needs secrets, which fills in its keyword `secrets`."""
        option = task.option(NeedsSecrets)
        if option is None:
            return None
        refuse_unsent(self.providers)
        option.check(task)  # of a session's default option nobody has asked yet
        keys = option.keys
        is_slow = any(getattr(each, "does_io", True) for each in self.providers)

        def fetch(call: Call) -> SecretValues:
            found = self._find(keys, session.masks)
            if missing := tuple(key for key in keys if key not in found):
                raise self._missing(missing, call.task.name)
            return found

        async def secrets_of(call: Call) -> SecretValues:
            values = call.state.get(Secrets)
            if values is None:
                values = await call.io(fetch, call) if is_slow else fetch(call)
                values = DepartingValues(values) if call.is_remote else values
                call.state[Secrets] = values
            return values

        async def with_secrets(call: Call) -> Call:
            if KEYWORD in call.kwargs:  # the caller's own, in a test
                return call
            return call.with_args(*call.args, **{**call.kwargs, KEYWORD: await secrets_of(call)})

        async def run(call: Call, proceed: Proceed) -> Any:
            return await proceed(await with_secrets(call))

        async def stream(call: Call, proceed: ProceedStream) -> AsyncIterator[Any]:
            async for item in proceed(await with_secrets(call)):
                yield item

        return Layer(self.name, Order.INJECT, run, stream, provides=(KEYWORD,))

    def _missing(self, keys: tuple[str, ...], task: str) -> MissingSecrets:
        return MissingSecrets(
            f"task {task!r} needs {', '.join(keys)}, and nobody has {'it' if len(keys) == 1 else 'them'}.\n"
            f"Asked: {'; '.join(map(str, self.providers))}.",
            keys=keys,
            task=task,
        )

    def _tell_short(self, key: str) -> None:
        if key not in self._told:
            self._told.add(key)
            logging.getLogger("pegboard").warning(
                "secret %s is too short to be masked in what is recorded: any text would lose its letters",
                key,
            )


def _listed(providers: Source | Iterable[Source]) -> Iterable[Source]:
    if isinstance(providers, Iterable) and not isinstance(providers, str | Mapping):
        return providers
    return [providers]


def _made(given: Source) -> Provider:
    if isinstance(given, str):
        return provider_from(given)
    if isinstance(given, Mapping):
        return Static(given)
    if isinstance(given, type) or not callable(getattr(given, "get", None)):
        raise TypeError(
            f"Secrets takes providers (objects with `get(key)`), mappings and texts, not {_shown(given)}."
        )
    return given


def _shown(given: object) -> str:
    if isinstance(given, type):
        return f"the class {given.__name__}; did you forget the parentheses?"
    return type(given).__name__
