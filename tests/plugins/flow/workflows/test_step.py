"""Steps of any workflow."""

from __future__ import annotations

import pytest

from pegboard import task
from pegboard_flow import GraphError, conditional, parallel, sequential


@task
def one() -> int:
    return 1


async def acondition(context: object) -> bool:
    return False


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        (lambda: parallel(max_workers=0), ValueError),
        (lambda: parallel().add_task(one, step_name="a").add_task(one, step_name="a"), GraphError),
        (lambda: sequential(3), TypeError),
        (lambda: conditional().add_step(one, acondition), TypeError),
        (lambda: conditional().add_branch(acondition, one), TypeError),
    ],
)
def test_a_wrong_workflow_fails_where_it_is_written(wrong, error: type[Exception]) -> None:
    """Not at the first run."""
    with pytest.raises(error):
        wrong()
