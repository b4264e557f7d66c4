"""Pydantic models as bytes; the other records are values of `test_msgpack`."""

from __future__ import annotations

import datetime as dt

import pytest
from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, field_validator

from pegboard import Cache, Caching, Session, task
from pegboard_cache._store import Unstorable
from pegboard_cache.codec.msgpack import from_bytes, to_bytes
from pegboard_cache.codec.records import Unreadable

RAN: list[str] = []


class Item(BaseModel):
    name: str
    at: dt.datetime | None = None


class Order(BaseModel):
    model_config = ConfigDict(frozen=True)
    id: int
    items: list[Item] = Field(default_factory=list, alias="lines")

    @field_validator("id")
    @classmethod
    def positive(cls, value: int) -> int:
        RAN.append("validator")
        return value

    def model_post_init(self, context: object) -> None:
        RAN.append("hook")


class Open(BaseModel):
    model_config = ConfigDict(extra="allow")
    x: int


class Private(BaseModel):
    x: int
    _y: int = PrivateAttr(1)


VALUES = [
    Item(name="a"),
    Item(name="b", at=dt.datetime(2026, 1, 1, tzinfo=dt.UTC)),
    Order(id=1, lines=[Item(name="a")]),
    Open(x=1),
    {"orders": [Order(id=1), Order(id=2)]},
]


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_a_model_comes_back_as_it_was(value) -> None:
    """Equal, of the same class, with the same fields set; no validator and no hook of the class runs."""
    RAN.clear()
    found = from_bytes(to_bytes(value))
    assert found == value
    assert RAN == []
    if isinstance(value, BaseModel):
        assert found.model_fields_set == value.model_fields_set
        assert found.model_dump_json() == value.model_dump_json()
        assert type(found) is type(value)


@pytest.mark.parametrize("value", [Open(x=1, more=2), Private(x=1)], ids=["extra", "private"])
def test_what_is_no_field_is_not_kept(value) -> None:
    """A model that holds more than its fields is returned uncached, as it would come back poorer."""
    with pytest.raises(Unstorable, match="other attributes"):
        to_bytes(value)


def test_a_class_of_a_function_is_not_kept() -> None:
    """Nobody could find it again by its name."""

    class Local(BaseModel):
        x: int

    with pytest.raises(Unstorable, match="does not offer"):
        to_bytes(Local(x=1))


def test_changed_fields_are_a_miss(monkeypatch) -> None:
    """What was written for other fields is not read."""
    data = to_bytes(Item(name="a"))

    class Changed(BaseModel):
        name: str

    Changed.__qualname__ = "Item"
    monkeypatch.setitem(globals(), "Item", Changed)
    with pytest.raises(Unreadable, match="fields have changed"):
        from_bytes(data)


def test_a_folder_keeps_what_a_task_returns(tmp_path) -> None:
    """The second session finds the first one's model."""
    runs = []

    @task(Cache())
    def order(number: int) -> Order:
        runs.append(number)
        return Order(id=number)

    for _ in range(2):
        with Session(Caching(tmp_path)):
            assert order(3) == Order(id=3)
    assert runs == [3]
