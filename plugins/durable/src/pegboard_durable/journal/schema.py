"""The tables as SQL, for a database in which somebody else makes them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from sqlalchemy import insert
from sqlalchemy.schema import CreateIndex, CreateSchema, CreateTable

from pegboard_durable.journal.tables import VERSION, meta, metadata

if TYPE_CHECKING:
    from sqlalchemy.sql.elements import CompilerElement

    from pegboard_durable.journal.journal import Journal


def statements_for(journal: Journal) -> Iterator[str]:
    """Write what brings a journal to this version; nothing where it is of that."""
    return iter(()) if journal.tables_version() == VERSION else making(journal)


def making(journal: Journal) -> Iterator[str]:
    """Write what makes the tables."""
    if journal.schema is not None:
        yield _written(journal, CreateSchema(journal.schema, if_not_exists=True))
    for table in metadata.sorted_tables:
        yield _written(journal, CreateTable(table))
        for index in sorted(table.indexes, key=lambda index: str(index.name)):
            yield _written(journal, CreateIndex(index))
    yield _written(journal, insert(meta).values(version=VERSION))


def described() -> Iterator[str]:
    """Write the tables and their columns, a table a line."""
    yield f"version {VERSION}"
    for table in metadata.sorted_tables:
        yield f"{table.name}: {', '.join(column.name for column in table.columns)}"


def _written(journal: Journal, statement: CompilerElement) -> str:
    compiled = statement.compile(
        dialect=journal.dialect,
        schema_translate_map=None if journal.schema is None else {None: journal.schema},
        compile_kwargs={"literal_binds": True},
        render_schema_translate=journal.schema is not None,
    )
    lines = (line.rstrip() for line in str(compiled).strip().splitlines())
    return "\n".join(lines) + ";"
