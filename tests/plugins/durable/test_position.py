"""Keys: what a step is called in the journal."""

from __future__ import annotations

import asyncio
import functools

import pytest
from replaying import opened, rows

from pegboard import Retry, gather, parallel, task
from pegboard.errors import InvalidName
from pegboard_durable import Durable, astep, step
from pegboard_durable._position import escaped, written


@task(Durable())
def one(number):
    return number


@task(Durable())
async def aone(number):
    await asyncio.sleep(0)
    return number


def keys(folder, root):
    with opened(folder) as durability:
        assert durability.run(root, run_id="r").status == "DONE"
    return set(rows(folder))


def test_a_step_is_its_name_and_how_many_of_that_name_came_before(tmp_path) -> None:
    """`k` counts the calls of one name in one scope."""

    @task(Durable())
    def root():
        return one(1), step("two", one, 2), one(3)

    assert keys(tmp_path, root) == {"one#1", "two#1", "one#2"}


def test_a_step_in_a_step_has_its_key_as_scope(tmp_path) -> None:
    """The scope is the key of the enclosing step, whatever plain tasks are in between."""

    @task
    def plain():
        return one(1)

    @task(Durable(key="outer"))
    def around():
        return plain()

    @task(Durable())
    def root():
        return around()

    assert keys(tmp_path, root) == {"outer#1", "outer#1/one#1"}


def test_items_of_a_map_go_by_their_index(tmp_path) -> None:
    """Order of completion never matters; a second map of that name has a number."""

    @task(Durable())
    def root():
        return one.map([1, 2]), one.map([3])

    assert keys(tmp_path, root) == {"one[0]", "one[1]", "one#2[0]"}


def test_steps_of_plain_items_go_by_the_index_of_these(tmp_path) -> None:
    """A mapped task that is no step is a place in the key."""

    @task
    def plain(number):
        return one(number)

    @task(Durable())
    def root():
        return plain.map([1, 2])

    assert keys(tmp_path, root) == {"plain[0]/one#1", "plain[1]/one#1"}


def test_items_of_parallel_go_by_their_position(tmp_path) -> None:
    """They run on threads, in any order."""

    @task(Durable())
    def root():
        return parallel(functools.partial(one, 1), functools.partial(one, 2))

    assert keys(tmp_path, root) == {"parallel[0]/one#1", "parallel[1]/one#1"}


def test_coroutines_are_counted_where_they_are_made(tmp_path) -> None:
    """They may be awaited in any order."""

    @task(Durable())
    async def root():
        first, second = aone(1), aone(2)
        return [await second, await first, *await gather(aone(3), one.acall(4))]

    with opened(tmp_path) as durability:
        run = durability.run(root, run_id="r")
        assert run.value == [2, 1, 3, 4]
    assert set(rows(tmp_path)) == {"aone#1", "aone#2", "aone#3", "one#1"}


def test_what_is_submitted_is_counted_where_it_is_submitted(tmp_path) -> None:
    """The threads of the executor begin it in any order."""

    @task(Durable())
    def root():
        waiting = [one.submit(number) for number in range(20)]
        return [future.result() for future in waiting]

    with opened(tmp_path) as durability:
        durability.run(root, run_id="r")
    with opened(tmp_path) as durability:
        assert durability.run(root, run_id="r").value == list(range(20))


@pytest.mark.parametrize("name", ["a/b", "a#1", "a[0]", "!undo", "@now", "~", "%41", "'; drop table x--"])
def test_a_name_cannot_pass_for_another_key(tmp_path, name) -> None:
    """What has a meaning in keys is written otherwise in names."""

    @task(Durable())
    def root():
        return step(name, str, 1), step("plain", str, 2)

    assert keys(tmp_path, root) == {f"{escaped(name)}#1", "plain#1"}
    assert not set(escaped(name)) & set("/#[]!@~")


@pytest.mark.parametrize("name", ["a\0b", "a\nb"])
def test_a_name_that_cannot_be_shown_is_refused(tmp_path, name) -> None:
    """As for any task."""

    @task(Durable())
    def root():
        return step(name, str, 1)

    with opened(tmp_path) as durability:
        assert isinstance(durability.run(root, run_id="r").error, InvalidName)


def test_two_names_never_have_one_key() -> None:
    """Writing a name otherwise can be taken back."""
    assert len({escaped(each) for each in ("a/b", "a%2Fb", "a%252Fb")}) == 3


@pytest.mark.parametrize(
    ("attempts", "text"),
    [((1,), "1"), ((1, 1), "1"), ((2, 1), "2"), ((1, 2), "1.2"), ((2, 1, 3, 1), "2.1.3")],
)
def test_attempts_are_written_without_first_ones_at_the_end(attempts, text) -> None:
    """Most rows have a `1`."""
    assert written(attempts) == text


def test_steps_have_their_first_names_in_each_attempt_of_a_plain_task(tmp_path) -> None:
    """Calls that contain steps and are retried count anew, though they are no steps."""
    tries = []

    @task(Retry(2))
    def plain():
        one(1)
        tries.append(1)
        if len(tries) < 3:
            raise OSError
        return one(2)

    @task(Durable())
    def root():
        return one(0), plain(), plain()

    assert keys(tmp_path, root) >= {"one#1", "one#2", "one#3", "one#4", "one#5"}
    assert "one#6" not in rows(tmp_path)


def test_a_second_call_of_a_plain_task_counts_on(tmp_path) -> None:
    """Only another attempt counts anew."""

    @task
    def plain():
        return one(1)

    @task(Durable())
    def root():
        return plain(), plain()

    assert keys(tmp_path, root) == {"one#1", "one#2"}


def test_astep_of_functions_side_by_side(tmp_path) -> None:
    """The order in which they are made is that of the counts."""

    @task(Durable())
    async def root():
        return await asyncio.gather(*(astep("double", lambda x: 2 * x, n) for n in range(5)))

    for _ in range(2):
        with opened(tmp_path) as durability:
            assert durability.run(root, run_id="r").value == [0, 2, 4, 6, 8]
