"""What a type checker sees of datasets; checked by mypy --strict and pyright, never run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, assert_type

from pegboard import ArtifactRef, Dataset, Datasets, Load, Persist, task


@dataclass
class Row:
    item: str


datasets = Datasets("out")
assert_type(datasets.load("row.json", Row), Row)
assert_type(datasets.load("rows.json", list[Row]), list[Row])
assert_type(datasets.load("rows.json"), Any)

ref = datasets.persist([1])
assert_type(ref, ArtifactRef)
assert_type(ref.load(Row), Row)
assert_type(ref.load(), Any)
assert_type(datasets.load(ref, Row), Row)


@task(Persist())
def rows() -> list[Row]:
    return [Row("peg")]


@task(Load(), Dataset("counts/{map_index}.json"))
def count(rows: list[Row]) -> int:
    return len(rows)


assert_type(count(rows()), int)  # a reference goes where its value is declared
