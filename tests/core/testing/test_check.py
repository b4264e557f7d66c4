"""Whether a plugin has the manners that sessions and tasks rely on."""

from __future__ import annotations

import threading
from contextvars import ContextVar

import attrs
import pytest

from pegboard import Layer, Option, Order, hookimpl
from pegboard.testing import FaultyPlugin, check_plugin

leak: ContextVar[int] = ContextVar("leak", default=0)
quiet: ContextVar[int] = ContextVar("quiet")


class Polite:
    """A plugin with good manners."""

    name = "polite"

    @hookimpl
    def after_execute(self, call) -> None: ...


class Nameless:
    @hookimpl
    def after_execute(self, call) -> None: ...


class Changing(Polite):
    """Changes every value."""

    @hookimpl
    def bind(self) -> Layer:
        async def run(call, proceed):
            await proceed(call)
            return "changed"

        async def stream(call, proceed):
            async for item in proceed(call):
                yield item

        return Layer("changing", Order.LIMIT, run, stream)


class Leaking(Polite):
    """Leaves a context variable changed."""

    @hookimpl
    def before_execute(self, call) -> None:
        leak.set(leak.get() + 1)


class Threading(Polite):
    """Leaves a thread behind."""

    release = threading.Event()

    @hookimpl
    def session_start(self) -> None:
        threading.Thread(target=self.release.wait, name="left behind").start()


class LeakingNothing(Polite):
    """Leaves a context variable set to a false value."""

    @hookimpl
    def before_execute(self, call) -> None:
        leak.set(-1)

    @hookimpl
    def session_end(self) -> None:
        leak.set(0)
        quiet.set(0)


class Daemon(Polite):
    """Leaves a daemon thread behind."""

    @hookimpl
    def session_start(self) -> None:
        threading.Thread(target=Threading.release.wait, name="daemon left", daemon=True).start()


class Once(Polite):
    """Serves in one session only."""

    used = False

    @hookimpl
    def session_start(self) -> None:
        if self.used:
            raise RuntimeError("used up")
        self.used = True


class BadStart(Polite):
    @hookimpl
    def session_start(self) -> None:
        raise OSError("port is busy")


class BadBind(Polite):
    @hookimpl
    def bind(self) -> None:
        raise OSError("no store")


class BadEnd(Polite):
    @hookimpl
    def session_end(self) -> None:
        raise OSError("cannot flush")


class Swallowing(Polite):
    """Turns every error into a value."""

    @hookimpl
    def bind(self) -> Layer:
        async def run(call, proceed):
            try:
                return await proceed(call)
            except Exception:  # noqa: BLE001 - bad manners
                return None

        async def stream(call, proceed):
            async for item in proceed(call):
                yield item

        return Layer("swallowing", Order.LIMIT, run, stream)


class Shortening(Polite):
    """Passes only the first item of a stream on."""

    @hookimpl
    def bind(self) -> Layer:
        async def run(call, proceed):
            return await proceed(call)

        async def stream(call, proceed):
            async for item in proceed(call):
                yield item
                return

        return Layer("shortening", Order.LIMIT, run, stream)


def test_a_plugin_with_good_manners_passes() -> None:
    """Nothing is found where nothing is wrong."""
    check_plugin(Polite)


@pytest.mark.parametrize(
    ("make", "found"),
    [
        (Nameless, "has no `name`"),
        (Changing, "and ok 1 NoneType without the plugin"),
        (lambda: FaultyPlugin(hooks=["after_execute"]), "observers failed"),
        (Leaking, "context variables are left changed"),
        (LeakingNothing, "context variables are left changed after its first session: quiet"),
        (Threading, "threads are left over after the session: left behind"),
        (Daemon, "threads are left over after the session: daemon left"),
        (Once, "a second session of the same instance fails: RuntimeError: used up"),
        (BadStart, "its first session fails: OSError: port is busy"),
        (BadBind, "failed to bind task"),
        (BadEnd, "its first session fails: ExceptionGroup"),
        (Swallowing, "raises gives ok None"),
        (Shortening, "yields gives ok [1]"),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else "",
)
def test_bad_manners_are_found(make, found: str) -> None:
    """Each kind of bad manners is said in words."""
    Threading.release.clear()
    try:
        with pytest.raises(AssertionError) as caught:
            check_plugin(make)
    finally:
        Threading.release.set()
        leak.set(0)
    assert found in str(caught.value)


def test_kinds_that_an_option_excludes_are_left_out() -> None:
    """An option for functions only is checked on functions only."""

    @attrs.frozen
    class Only(Option):
        plugin_name = "polite"
        kinds = frozenset({"function"})

        @classmethod
        def plugin(cls) -> type:
            return Polite

    check_plugin(Polite, Only())
