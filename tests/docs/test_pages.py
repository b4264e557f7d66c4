"""Every block of every page does what the page says; see `run_page.py` for the rules."""

from __future__ import annotations


def test_page_does_what_it_says(page, run_page) -> None:
    """Python runs, commands end well, outputs are those shown, and warnings are errors."""
    done = run_page(page)
    assert done.returncode == 0, f"{done.stderr}\n{done.stdout}"
    assert "Exception ignored" not in done.stderr
