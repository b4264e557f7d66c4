"""A metric keeps to its cap, and its totals stay right."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pegboard_metrics import _family
from pegboard_metrics._counter import Counter
from pegboard_metrics._family import LABEL_SETS_MOST, Family
from pegboard_metrics.names import CACHE_RESULT, ERROR_TYPE, OTHER, STATUS, TASK


def counters(*labels):
    warned = []
    return Family(labels, lambda _: Counter(), lambda: warned.append(1)), warned


def test_the_same_values_give_the_same_child():
    """A label set has one child."""
    family, _ = counters(TASK, CACHE_RESULT)
    assert family.child("t", "hit") is family.child("t", "hit")
    assert family.child("t", "hit") is not family.child("t", "miss")


@given(st.lists(st.tuples(st.integers(0, 900), st.sampled_from(["ok", "error"])), max_size=2_000))
def test_never_more_than_500_label_sets_and_no_count_lost(observed):
    """Whatever arrives: at most 500 label sets, one overflow series a status, and every count in one of them."""
    family, _ = counters(TASK, STATUS)
    for number, status in observed:
        family.child(f"task{number}", status).add()
    assert len(family.own()) <= LABEL_SETS_MOST
    assert len(family.overflow()) <= 2
    for status in ("ok", "error"):
        counted = sum(child.value for values, child in family.items() if values[1] == status)
        assert counted == sum(found == status for _, found in observed)


def test_over_the_cap_only_names_that_users_make_up_are_folded():
    """A status or a cache result is one of few, and stays; task and error type become `_OTHER`."""
    family, warned = counters(TASK, STATUS, ERROR_TYPE)
    for number in range(LABEL_SETS_MOST):
        family.child(f"task{number}", "ok", "")
    assert warned == []
    family.child("one more", "error", "ValueError")
    family.child("one more", "ok", "")
    assert [values for values, _ in family.items()][LABEL_SETS_MOST:] == [
        (OTHER, "error", OTHER),
        (OTHER, "ok", ""),
    ]
    assert warned


def test_a_task_that_is_called_other_shares_the_overflow_series():
    """A user's task of that name makes no second series of the same labels."""
    family, _ = counters(TASK)
    family.child(OTHER)
    assert (family.own(), len(family.overflow())) == ([], 1)


def test_find_makes_nothing():
    """Looking a label set up leaves the metric as it was; at the cap it answers the series that would count it."""
    family, _ = counters(TASK)
    assert family.find("t") is None
    assert family.items() == []
    for number in range(_family.LABEL_SETS_MOST):
        family.child(f"task{number}")
    over = family.child("over")
    assert family.find("unheard of") is over
    assert family.find("task7") is family.child("task7")
