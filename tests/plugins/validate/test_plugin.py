"""What a session's checks have in common, and what a task without checks pays."""

from __future__ import annotations

import subprocess
import sys
import threading

import pytest

from pegboard import BindError, Session, task
from pegboard.testing import check_plugin
from pegboard_validate import InvalidOutput, OutputFormat, Validate, Validation

NEW = """
import sys
import pegboard_validate as v
from pegboard import Session, task
@task(v.Validate(inputs={"x": "number"}, output={"y": "number"}))
def work(x): return {"y": x}
with Session(inherit=False):
    assert work(1) == {"y": 1}
    assert work.run("1").error.field == "x"
print([name for name in ("pydantic", "pydantic_core", "jsonschema") if name in sys.modules])
"""


def test_the_plugin_has_its_manners():
    """What Pegboard promises of every plugin holds for this one."""
    check_plugin(Validation, Validate(inputs=True, output=int))
    check_plugin(Validation, Validate(inputs={"x": "integer"}, output={"type": "integer"}))


def test_importing_the_package_loads_no_validator():
    """Neither pydantic nor jsonschema is imported before a type or JSON Schema is checked."""
    done = subprocess.run([sys.executable, "-c", NEW], capture_output=True, text=True, check=False)
    assert (done.stdout.strip(), done.stderr) == ("[]", "")


def test_the_option_brings_its_plugin(session):
    """A session needs no `Validation()`."""

    @task(Validate(output=int))
    def work(x):
        return x

    assert work("3") == 3
    assert list(session.plugins) == ["validate"]


def test_order_of_the_layers(session):
    """Arguments are checked outside the deadline and the retries, results innermost."""

    @task(Validate(inputs=True, output=True))
    def work(x: int) -> int:
        return x

    assert session.explain(work).layers == ((450, "validate"), (950, "validate"))


@pytest.mark.parametrize(
    "option",
    [Validate(), Validate(output=OutputFormat.RAW), Validate(inputs=True)],
    ids=["nothing asked", "raw", "no annotations"],
)
def test_nothing_to_check_costs_nothing(session, option):
    """A task of which nothing is checked gets no layer."""

    @task(option)
    def work(x):
        return x

    assert session.explain(work).layers == ()
    assert work("x") == "x"


def test_default_of_a_session():
    """A session's default checks every task; `Validate()` on a task switches it off."""

    @task
    def checked(x: int) -> int:
        return x

    @task
    def unannotated(x):
        return x

    with Session(defaults=[Validate(inputs=True, output=True)], inherit=False):
        assert checked("3") == 3
        assert unannotated("3") == "3"
        assert checked.with_options(Validate())("3") == "3"


def test_limits_of_the_plugin():
    """A session may read less, or more, JSON than is usual."""

    @task(Validate(output=OutputFormat.JSON))
    def work(text):
        return text

    with Session(Validation(max_size=10, max_depth=2), inherit=False):
        assert work("[[1]]") == [[1]]
        assert [work.run(text).error.errors for text in ("[[[1]]]", "[1, 2, 3, 4]")] == [
            (("", "json_too_deep"),),
            (("", "json_too_large"),),
        ]


@pytest.mark.parametrize(
    "wrong", [{"max_size": 0}, {"max_depth": -1}, {"max_size": 1.5}, {"max_depth": True}]
)
def test_wrong_limits(wrong):
    """A limit that is none is refused where it is written."""
    with pytest.raises(ValueError, match=f"{next(iter(wrong))} is a whole number of at least 1"):
        Validation(**wrong)


def test_one_instance_serves_many_threads(session):
    """One plugin and one task check calls of eight threads at once."""

    @task(Validate(inputs=True, output=True))
    def work(x: int) -> list[int]:
        return [x, str(x)]

    found = []

    def many():
        with session:
            found.extend(work(str(n)) for n in range(200))

    threads = [threading.Thread(target=many) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == sorted([[n, n] for n in range(200)] * 8)


def test_two_sessions_of_one_instance():
    """An instance serves in one session after another, and inside itself."""

    @task(Validate(output=int))
    def work(x):
        return x

    plugin = Validation()
    for _ in range(2):
        with Session(plugin, inherit=False), Session(plugin, inherit=False):
            assert work("3") == 3
            assert isinstance(work.run("x").error, InvalidOutput)


def test_an_annotation_that_is_asked_for_and_missing(session):
    """`output=True` on a task without a return annotation is an error, not a check that never fails."""

    @task(Validate(output=True))
    def work(x):
        return x

    with pytest.raises(BindError, match="no return annotation"):
        work(1)
