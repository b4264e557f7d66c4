"""The line that runs nothing."""

from __future__ import annotations

import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pegboard import task
from pegboard_queue import Item, QueueFull, TaskQueue, UnknownItem


@task
def work(x: int = 0) -> int:
    return x


def items(*priorities: int) -> list[Item]:
    return [Item(work, (index,), priority=each) for index, each in enumerate(priorities)]


def drain(queue: TaskQueue) -> list[Item]:
    return list(iter(queue.dequeue, None))


def test_the_highest_number_comes_first_and_ten_before_nine() -> None:
    """Numbers are compared as numbers, and equal ones come in the order of arrival."""
    queue = TaskQueue()
    for item in items(10, 9, 1, 9):
        queue.enqueue(item)
    assert [item.args[0] for item in drain(queue)] == [0, 1, 3, 2]


def test_a_fifo_queue_looks_at_no_priority() -> None:
    """The order of arrival is all, also after `reorder`."""
    queue = TaskQueue("fifo")
    for item in items(3, 1, 2):
        queue.enqueue(item)
    queue.reorder()
    assert [item.args[0] for item in drain(queue)] == [0, 1, 2]


def test_an_empty_queue_gives_none() -> None:
    """It neither waits nor raises."""
    queue = TaskQueue()
    assert queue.dequeue() is None
    assert queue.peek() is None
    assert len(queue) == queue.get_queue_size() == 0


def test_a_peek_takes_nothing() -> None:
    """The item is still there."""
    queue = TaskQueue()
    (item,) = items(1)
    queue.enqueue(item)
    assert queue.peek() is item
    assert item in queue
    assert len(queue) == 1


def test_a_full_queue_says_so_and_stays_as_it_was() -> None:
    """The error holds how many it may hold."""
    queue = TaskQueue(max_size=1)
    first, second = items(2, 1)
    queue.enqueue(first)
    with pytest.raises(QueueFull, match="holds 1 items") as caught:
        queue.enqueue(second)
    assert caught.value.max_size == 1
    assert drain(queue) == [first]


def test_clear_empties() -> None:
    """There is room again."""
    queue = TaskQueue(max_size=1)
    first, second = items(1, 1)
    queue.enqueue(first)
    queue.clear()
    queue.enqueue(second)
    assert drain(queue) == [second]


def test_items_are_found_by_state_in_their_order() -> None:
    """The order in which they would be taken."""
    queue = TaskQueue()
    low, gone, high = items(1, 5, 2)
    for item in (low, gone, high):
        queue.enqueue(item)
    gone.cancel()
    assert queue.get_tasks_by_status("pending") == [high, low]
    assert queue.get_tasks_by_status("cancelled") == [gone]


def test_an_item_is_in_a_queue_once() -> None:
    """A second enqueue would run it twice."""
    queue = TaskQueue()
    (item,) = items(1)
    queue.enqueue(item)
    with pytest.raises(ValueError, match="already"):
        queue.enqueue(item)


def test_an_item_that_is_not_there_cannot_be_reordered() -> None:
    """The queue does not know it."""
    with pytest.raises(UnknownItem):
        TaskQueue().reorder(items(1)[0], 2)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.integers(0, 3), min_size=1, max_size=8),
    st.lists(st.tuples(st.integers(0, 7), st.integers(0, 3)), max_size=30),
)
def test_reorder_keeps_arrival_among_equals(priorities: list[int], changes: list[tuple[int, int]]) -> None:
    """Whatever is reordered how often, the order is by priority, then by arrival."""
    queue = TaskQueue()
    made = items(*priorities)
    for item in made:
        queue.enqueue(item)
    for index, priority in changes:
        queue.reorder(made[index % len(made)], priority)
    expected = sorted(made, key=lambda item: (-item.priority, item.args[0]))
    assert queue.get_tasks_by_status("pending") == expected
    assert drain(queue) == expected


def test_another_priority_moves_an_item_in_every_queue_that_holds_it() -> None:
    """Without a word to the queues; one that it left is not asked."""
    here, there, left = TaskQueue(), TaskQueue(), TaskQueue()
    first, second = items(2, 1)
    for queue in (left, here, there):
        queue.enqueue(first)
        queue.enqueue(second)
    drain(left)
    second.priority = 3
    assert drain(here) == drain(there) == [second, first]
    assert drain(left) == []


def test_reorder_without_an_item_changes_nothing_where_all_stand_right() -> None:
    """Each stands where its priority belongs already."""
    queue = TaskQueue()
    first, second = items(1, 2)
    queue.enqueue(first)
    queue.enqueue(second)
    first.priority = 3
    queue.reorder()
    assert drain(queue) == [first, second]


def test_threads_lose_and_double_nothing() -> None:
    """Safe from threads."""
    queue, taken = TaskQueue(), []

    def give_and_take() -> None:
        for item in items(*[3, 1, 2] * 100):
            queue.enqueue(item)
            taken.append(queue.dequeue())

    threads = [threading.Thread(target=give_and_take) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({id(item) for item in taken}) == 1200
    assert len(queue) == 0


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (lambda: TaskQueue("lifo"), ValueError),
        (lambda: TaskQueue(max_size=0), ValueError),
        (lambda: TaskQueue(max_size=True), TypeError),
        (lambda: TaskQueue().enqueue(work), TypeError),
        (lambda: TaskQueue().get_tasks_by_status("done"), ValueError),
    ],
)
def test_what_means_nothing_is_refused(make, error: type[Exception]) -> None:
    """Where it is written."""
    with pytest.raises(error):
        make()
