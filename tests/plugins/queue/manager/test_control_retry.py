"""Running a failed item again, and what was skipped behind it."""

from __future__ import annotations

import pytest

from pegboard import task
from pegboard_queue import DependencyFailed, IllegalTransition, Item, State, TaskManager


class Flaky:
    """Fails until it is mended."""

    def __init__(self) -> None:
        self.is_mended = False

    def __call__(self) -> str:
        if not self.is_mended:
            raise OSError("not yet")
        return "done"


@task
async def after() -> str:
    return "after"


@task
def behind() -> str:
    return "behind"


def diamond(manager: TaskManager, root: Flaky, bad: Flaky | None = None) -> dict[str, Item]:
    """Submit left and right behind a root, and a join behind both; with a second root behind right."""
    items = {"root": manager.submit(root, name="root")}
    if bad is not None:
        items["bad"] = manager.submit(bad, name="bad")
    items["left"] = manager.submit(behind, name="left", depends_on="root")
    roots = ["root"] if bad is None else ["root", "bad"]
    items["right"] = manager.submit(after, name="right", depends_on=roots)
    items["join"] = manager.submit(behind, name="join", depends_on=["left", "right"])
    manager.join(5)
    return items


def states(items: dict[str, Item]) -> dict[str, str]:
    return {name: str(item.state) for name, item in items.items()}


def test_without_a_word_what_was_skipped_stays_so(manager) -> None:
    """The failed item alone runs again."""
    root = Flaky()
    items = diamond(manager, root)
    root.is_mended = True
    items["root"].retry()
    manager.join(5)
    assert states(items) == {"root": "completed", "left": "skipped", "right": "skipped", "join": "skipped"}


@pytest.mark.parametrize("how", ["item", "manager", "name"])
def test_dependants_are_revived_with_what_failed(manager, how) -> None:
    """All of them, however far behind, and of either colour."""
    root = Flaky()
    items = diamond(manager, root)
    root.is_mended = True
    if how == "item":
        items["root"].retry(dependants=True)
    else:
        manager.retry(items["root"] if how == "manager" else "root", dependants=True)
    assert [items["join"].wait(5), items["right"].wait(5)] == ["behind", "after"]
    assert set(states(items).values()) == {"completed"}
    assert items["join"].error is None


def test_dependants_are_skipped_again_when_it_fails_again(manager) -> None:
    """And may be revived again."""
    root = Flaky()
    items = diamond(manager, root)
    items["root"].retry(dependants=True)
    manager.join(5)
    assert states(items) == {"root": "failed", "left": "skipped", "right": "skipped", "join": "skipped"}
    root.is_mended = True
    items["root"].retry(dependants=True)
    assert items["join"].wait(5) == "behind"


def test_what_depends_on_another_failure_too_stays_skipped_and_says_so(manager) -> None:
    """It could not run anyway; retrying that one as well revives it."""
    root, bad = Flaky(), Flaky()
    items = diamond(manager, root, bad)
    root.is_mended = bad.is_mended = True
    items["root"].retry(dependants=True)
    manager.join(5)
    assert (items["left"].state, items["right"].state, items["join"].state) == (
        State.COMPLETED,
        State.SKIPPED,
        State.SKIPPED,
    )
    with pytest.raises(DependencyFailed, match="depends on 'bad'"):
        items["right"].wait(5)
    items["bad"].retry(dependants=True)
    assert items["join"].wait(5) == "behind"


def test_only_what_failed_is_retried(manager) -> None:
    """What was skipped says which state it is in."""
    items = diamond(manager, Flaky())
    with pytest.raises(IllegalTransition, match="only a failed item"):
        items["left"].retry(dependants=True)


def test_every_revival_is_told(manager, changes) -> None:
    """As any other change."""
    root = Flaky()
    items = diamond(manager, root)
    root.is_mended = True
    items["root"].retry(dependants=True)
    items["join"].wait(5)
    assert changes.of("left") == ["waiting", "skipped", "waiting", "ready", "running", "completed"]


def test_many_items_behind_one_failure_are_skipped_in_no_time(manager) -> None:
    """Those that came before are not looked at once more for each."""
    bad = manager.submit(Flaky())
    manager.join(5)
    for _ in range(5000):
        manager.submit(behind, depends_on=[bad])
    assert manager.statistics().skipped == 5000
