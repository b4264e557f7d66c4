"""Tasks in the bodies of classes that libraries make anew or look through."""

from __future__ import annotations

import abc
import asyncio
import dataclasses
import enum
import pickle
from collections.abc import Iterator
from typing import Any, NamedTuple

import attrs
import msgspec
import pydantic
import pytest

from pegboard import InvalidTask, Retry, Session, Task, task


class Base:
    def total(self) -> int:
        return 1

    @classmethod
    def make(cls) -> Any:
        return cls()


@attrs.define
class Slotted(Base):
    n: int = 0

    @task
    def total(self) -> int:
        return super().total() + 1

    @task(Retry(1))
    async def atotal(self) -> int:
        return super().total() + 1

    @task
    def totals(self) -> Iterator[int]:
        yield super().total() + 1

    @task
    @classmethod
    def make(cls) -> Any:
        return super().make()

    @task
    @staticmethod
    def name() -> str:
        return __class__.__name__  # type: ignore[name-defined,no-any-return]


class Model(pydantic.BaseModel):
    n: int = 3

    @task
    def total(self) -> int:
        return self.n

    @task
    async def atotal(self) -> int:
        return self.n

    @task
    def totals(self) -> Iterator[int]:
        yield self.n

    @task
    @classmethod
    def kind(cls) -> str:
        return cls.__name__

    @task
    @staticmethod
    def same(x: int) -> int:
        return x

    @task
    def _hidden(self) -> int:
        return self.n


@dataclasses.dataclass(slots=True)
class Data:
    n: int = 4

    @task
    def total(self) -> int:
        return self.n


class Struct(msgspec.Struct):
    n: int = 5

    @task
    def total(self) -> int:
        return self.n


class Row(NamedTuple):
    n: int = 6

    @task
    def total(self) -> int:
        return self.n


class Choice(enum.Enum):
    A = 7

    @task
    def total(self) -> int:
        value: int = self.value
        return value


def test_super_knows_the_class_that_attrs_made() -> None:
    """In every kind of task and of method, as without `@task`."""
    assert Slotted().total() == 2
    assert asyncio.run(Slotted().atotal()) == 2
    assert list(Slotted().totals()) == [2]
    assert type(Slotted.make()) is Slotted
    assert Slotted.name() == "Slotted"


def test_a_model_has_tasks_for_methods() -> None:
    """They are no fields, and need no setting of the model's."""
    assert [*Model.model_fields] == ["n"]
    assert Model().total() == Model()._hidden() == 3
    assert asyncio.run(Model().atotal()) == 3
    assert list(Model().totals()) == [3]
    assert (Model.kind(), Model.same(4)) == ("Model", 4)


@pytest.mark.parametrize("made", [Data(), Struct(), Row(), Choice.A], ids=lambda made: type(made).__name__)
def test_other_classes_have_tasks_for_methods(made: Any) -> None:
    """In a session with default options, too."""
    expected = made.total()
    assert expected in (4, 5, 6, 7)
    with Session(defaults=[Retry(1)], inherit=False):
        assert made.total() == expected
        assert made.total.map is not None
        assert made.total.with_options(Retry(2))() == expected


def test_a_method_s_task_is_a_task_in_every_other_way() -> None:
    """It pickles, an instance may hide it, and an abstract one must be overridden."""
    assert isinstance(Slotted.total, Task)
    assert pickle.loads(pickle.dumps(Slotted.total)) is Slotted.total
    assert pickle.loads(pickle.dumps(Model(n=8).total))() == 8

    class Plain:
        @task
        def total(self) -> int:
            return 1

    plain: Any = Plain()
    plain.total = 5
    assert plain.total == 5

    class Abstract(abc.ABC):
        @task
        @abc.abstractmethod
        def total(self) -> int: ...

    with pytest.raises(TypeError, match="abstract"):
        Abstract()  # type: ignore[abstract]


def test_a_method_s_task_is_not_made_a_task_again() -> None:
    """It is a task already, though it is a descriptor, too."""
    with pytest.raises(InvalidTask, match="is a task already"):
        task(Model.total)
