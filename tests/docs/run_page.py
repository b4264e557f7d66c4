"""Runs a page of the documentation: its Python, its files and its commands, and compares what they print.

    python tests/docs/run_page.py README.md

A page runs from top to bottom, in a temporary folder, and its Python blocks share one namespace. The line above a block says
what is done with it:

- "... as `name`:" above any block: it is saved under that name, and not run by itself.
- "... prints:" above a `text` block: what the block before it printed, exactly.
- "... prints something like:": the same, but numbers, units of time and the width of gaps may differ.
- "... raises:" above a `text` block: the block before it raises this, as `Type: message`.
- "... serves:" or "... serve:" above a `console` block: its commands are servers, which `tests/services` starts.
- A block of a language for other programs, such as `yaml`, is such a file; tests of its own look at what is in it.
- In a `console` block, commands of `python` and `pegboard` are run, and the lines below one are its output. In a
  block under "... fails:" they end with another status than 0, and errors count as output.

Warnings are errors. So is whatever would leave a block unchecked: an unknown language, an unknown command, output
that nobody compares.
"""

from __future__ import annotations

import contextlib
import difflib
import gc
import io
import os
import re
import subprocess
import sys
import tempfile
import tomllib
import traceback
import types
import warnings
from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path

import attrs

FOR_OTHERS = frozenset(("dockerfile", "yaml"))
LANGUAGES = FOR_OTHERS | {"python", "console", "text", "toml", "mermaid"}
RUN = frozenset(("python", "pegboard"))
NOT_RUN = frozenset(("make", "pip", "git", "jq", "docker", "kubectl", ".venv/bin/pre-commit", ".ci/run"))
_FENCE = re.compile(r"^(?P<indent> *)```(?P<language>\S*)\s*$")
_SAVED = re.compile(r"as `(?P<name>[^`]+)`:$")
_LIKE = "prints something like:"


class Wrong(Exception):  # noqa: N818 - what a page is
    """A page does not do what it says."""


@attrs.frozen
class Block:
    """One fenced block.

    Attributes:
        language: What follows the opening fence.
        text: What is in it, with a newline at its end.
        lead: The last line of text above it.
        line: Number of the opening fence, from 1.
    """

    language: str
    text: str
    lead: str
    line: int

    @property
    def saved_as(self) -> str | None:
        """The file that the page asks its reader to write."""
        found = _SAVED.search(self.lead)
        return found["name"] if found else None

    @property
    def serves(self) -> bool:
        """Whether its commands are servers, which have tests of their own."""
        return self.language == "console" and self.lead.endswith(("serves:", "serve:"))

    @property
    def outcome(self) -> str | None:
        """What is shown of the block before this one: `prints`, `like` or `raises`."""
        if self.language != "text":
            return None
        for end, outcome in (("prints:", "prints"), (_LIKE, "like"), ("raises:", "raises")):
            if self.lead.endswith(end):
                return outcome
        return None


def blocks_of(page: str) -> Iterator[Block]:
    """Yield the fenced blocks of a page, in order."""
    lead = ""
    lines = enumerate(page.splitlines(), 1)
    for number, line in lines:
        fence = _FENCE.match(line)
        if fence is None:
            if "```" in line:
                raise Wrong(f"line {number}: a block begins on a line of its own")
            lead = line.strip() or lead
            continue
        indent, inside = fence["indent"], []
        for _, text in lines:
            if text == indent + "```":
                break
            inside.append(text.removeprefix(indent))
        else:
            raise Wrong(f"line {number}: this block is never closed")
        yield Block(fence["language"], "\n".join([*inside, ""]), lead, number)
        lead = ""


def run_page(path: Path) -> None:
    """Do what a page says, in the current folder.

    Raises:
        Wrong: With the line and the difference.
    """
    blocks = list(blocks_of(path.read_text(encoding="utf-8")))
    sys.path.insert(0, "")
    module = sys.modules["page"] = types.ModuleType("page")
    printed, shown = "", True
    for block, following in zip_longest(blocks, blocks[1:]):
        if block.language not in LANGUAGES:
            raise Wrong(f"line {block.line}: no rule for blocks of {block.language!r}")
        if block.language == "toml":
            tomllib.loads(block.text)
        if block.language in FOR_OTHERS and block.saved_as is None:
            raise Wrong(f"line {block.line}: a block of {block.language} is a file, so name it: as `name`:")
        if block.saved_as is not None:
            _save(block.saved_as, block.text)
        elif block.outcome in ("prints", "like"):
            compare(block.line, block.text, printed, like=block.outcome == "like")
            shown = True
        elif block.language == "text" and block.outcome is None and not shown:
            raise Wrong(
                f"line {block.line}: the block before this one prints; is this it? Then say 'prints:'"
            )
        elif block.language == "python":
            raises = following if following is not None and following.outcome == "raises" else None
            printed = run_python(path.name, block, module.__dict__, raises)
            shown = not printed
        elif block.language == "console" and not block.serves:
            run_console(block)
    gc.collect()


def _save(name: str, text: str) -> None:
    Path(name).parent.mkdir(parents=True, exist_ok=True)
    Path(name).write_text(text, encoding="utf-8")


def run_python(page: str, block: Block, namespace: dict[str, object], raises: Block | None) -> str:
    """Run a block in the page's namespace, with the page's line numbers, and return what it printed."""
    code = compile("\n" * block.line + block.text, page, "exec", dont_inherit=True)
    out = io.StringIO()
    try:
        with contextlib.redirect_stdout(out):
            exec(code, namespace)
    except Exception as error:
        if raises is None:
            raise Wrong(f"line {block.line}: this block raises\n{traceback.format_exc()}") from error
        compare(raises.line, raises.text, f"{type(error).__name__}: {error}\n")
    else:
        if raises is not None:
            raise Wrong(f"line {block.line}: this block raises nothing, and the page says that it does")
    return out.getvalue()


def run_console(block: Block) -> None:
    """Run the commands of a block, and compare their output where the page shows some."""
    first, *commands = re.split(r"^\$ ", block.text, flags=re.MULTILINE)
    if first or not commands:
        raise Wrong(f"line {block.line}: a console block begins with '$ ' and a command")
    fails, like = block.lead.endswith("fails:"), block.lead.endswith(_LIKE)
    for entry in commands:
        command, _, output = entry.partition("\n")
        words = [word for word in command.split() if not re.match(r"[A-Z_]+=", word)]
        if words[0] in NOT_RUN:
            if output:
                raise Wrong(f"line {block.line}: `{words[0]}` is not run, so its output cannot be shown")
            continue
        if words[0] not in RUN:
            raise Wrong(f"line {block.line}: no rule for the command `{words[0]}`")
        printed = _run_command(block.line, command, fails=fails)
        if output:
            compare(block.line, output, printed, like=like)


def _run_command(line: int, command: str, *, fails: bool) -> str:
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    done = subprocess.run(
        ["/bin/sh", "-c", command],
        env=os.environ | {"PATH": path, "PYTHONWARNINGS": "error", "COLUMNS": "100"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT if fails else subprocess.PIPE,
        text=True,
        check=False,
        timeout=60,
    )
    if (done.returncode != 0) != fails or "Exception ignored" in (done.stderr or ""):
        raise Wrong(
            f"line {line}: `{command}` ended with {done.returncode}\n{done.stdout}{done.stderr or ''}"
        )
    return done.stdout


def compare(line: int, expected: str, printed: str, *, like: bool = False) -> None:
    """Refuse another output than the page shows; blanks at the ends of lines do not count."""
    wanted, got = ([_compared(each, like) for each in text.splitlines()] for text in (expected, printed))
    if wanted != got:
        difference = "\n".join(difflib.unified_diff(wanted, got, "the page", "what happens", lineterm=""))
        raise Wrong(f"line {line}: not what happens\n{difference}\n\nin full:\n{printed}")


def _compared(text: str, like: bool) -> str:
    if not like:
        return text.rstrip()
    text = re.sub(
        r"\d+([.,]\d+)* (us|ms|s)\b", "0 s", text
    )  # a busy machine takes milliseconds for microseconds
    return re.sub(r"[\s─]+", " ", re.sub(r"\d+([.,]\d+)*", "0", text)).strip()


def main() -> int:
    """Run the page named on the command line; 1 when it is wrong."""
    page = Path(sys.argv.pop()).resolve()
    warnings.simplefilter("error")
    for variable in [name for name in os.environ if name.startswith("PEGBOARD_")]:
        del os.environ[variable]
    ignored: list[str] = []
    sys.unraisablehook = lambda found: ignored.append(f"{found.exc_value!r} in {found.object!r}")
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        try:
            run_page(page)
        except Wrong as error:
            print(f"{page.name}, {error}", file=sys.stderr)
            return 1
    for error in ignored:
        print(f"{page.name}, nobody could catch: {error}", file=sys.stderr)
    return 1 if ignored else 0


if __name__ == "__main__":
    sys.exit(main())
