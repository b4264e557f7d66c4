"""Parts of files that people write, which `make members` writes: between two lines that say so."""

from __future__ import annotations

import re

from tools.members.folders import Refused


def replaced(text: str, block: str, content: str, path: str) -> str:
    """Put `content` between the lines `make members: <block>` and `make members: end`, whatever their comments look like.

    Raises:
        Refused: The lines are not there.
    """
    begin, end = rf"^[^\n]*make members: {block}\b[^\n]*\n", r"^[^\n]*make members: end\b"
    found = re.search(rf"{begin}(.*?){end}", text, re.MULTILINE | re.DOTALL)
    if found is None:
        raise Refused(
            f"{path} has no lines `make members: {block}` and `make members: end` to write between."
        )
    return text[: found.start(1)] + content + text[found.end(1) :]
