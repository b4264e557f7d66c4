"""An option with its plugin, plugins that note their beginnings and ends, and a task: what tests of sessions attach and call."""

from __future__ import annotations

import attrs

from pegboard import Layer, Option, Order, hookimpl, task


@attrs.frozen
class Level(Option):
    """An option that its own plugin turns into a layer."""

    plugin_name = "levels"
    level: int = 1

    @classmethod
    def plugin(cls) -> type:
        return Levels


class Levels:
    """Adds the level of `Level` to what a task returns."""

    name = "levels"

    @hookimpl
    def bind(self, task) -> Layer | None:
        option = task.option(Level)
        if option is None:
            return None

        async def run(call, proceed):
            return await proceed(call) + option.level

        return Layer("levels", Order.LIMIT, run)


class Living:
    """Logs the beginnings and ends of its sessions; may fail in either."""

    def __init__(
        self, name: str, log: list[str], fail: str = "", error: type[BaseException] = ValueError
    ) -> None:
        self.name = name
        self.log = log
        self.fail = fail
        self.error = error

    @hookimpl
    def session_start(self, session) -> None:
        self.log.append(f"start {self.name}")
        self._maybe_fail("start")

    @hookimpl
    def session_end(self) -> None:
        self.log.append(f"end {self.name}")
        self._maybe_fail("end")

    def _maybe_fail(self, moment: str) -> None:
        if self.fail == moment:
            raise self.error(f"{moment} of {self.name}")


def living(names: str, log: list[str], **fail: str) -> list[Living]:
    return [Living(name, log, fail.get(name, "")) for name in names]


@task
def function(x: int = 0) -> int:
    return x
