"""What the README says to install is what its examples, and the text about them, hang on a session."""

from __future__ import annotations

import re
from pathlib import Path

from pegboard._first_party import MEMBERS


def test_the_readme_installs_what_it_hangs_on_its_session(root: Path) -> None:
    """An exporter for the spans of `Tracing()` included, as nobody would see them otherwise."""
    text = (root / "README.md").read_text(encoding="utf-8")
    example, install = re.findall(
        r"^## (?:An example|Install)\n(.*?)(?=^## )", text, re.DOTALL | re.MULTILINE
    )
    found = re.search(r'pip install "pegboard\[(.+?)\]"', install)
    assert found is not None
    extras = set(found[1].split(","))
    named = {name for name in re.findall(r"\b([A-Z]\w+)\(", example) if name != "Session"}
    needed = {extra for extra, names in MEMBERS.items() if named & {*names}}
    assert needed == extras
    assert {"tracing", "otlp"} <= needed
