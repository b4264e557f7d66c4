"""Whatever a page says to serve is served by a test."""

from __future__ import annotations

from pathlib import Path


def test_every_page_whose_program_a_server_runs_has_tests_here(page_blocks):
    """They name it."""
    here = Path(__file__).parent
    pages = [page.name for page in sorted((here.parents[1] / "docs" / "how-to").glob("*.md"))]
    served = [page for page in pages if any(block.serves for block in page_blocks(page))]
    tests = "".join(each.read_text(encoding="utf-8") for each in here.glob("test_*.py"))
    assert served
    assert [page for page in served if f'PAGE = "{page}"' not in tests] == []
