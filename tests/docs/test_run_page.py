"""The runner of pages goes red on every page that is wrong."""

from __future__ import annotations

import pytest

RIGHT = """
# A page

Save this as `words.py`:

```python
import sys

print("from a file", *sys.argv[1:])
```

```python
import words

x = 6
print(x * 7)
```

It imports the file, so it prints:

```text
from a file
42
```

The namespace is shared, and what is said to be raised is raised:

```python
x / 0
```

It raises:

```text
ZeroDivisionError: division by zero
```

```console
$ python words.py again
from a file again
$ make demo
```

Indented blocks count too, as do numbers that differ:

- As here:

  ```python
  print("took 12.5 s")
  ```

  It prints something like:

  ```text
  took 3 s
  ```

```toml
[tool.pegboard]
plugins = ["retry"]
```

A server is not run here. It serves:

```console
$ python -m there.is.no.such.server
```

```text
nothing is compared with this picture
```
"""

WRONG = {
    "raises": ("```python\n1 / 0\n```", "ZeroDivisionError"),
    "exits": ("```python\nraise SystemExit(3)\n```", ""),
    "warns": ("```python\nimport warnings\nwarnings.warn('old', DeprecationWarning)\n```", "old"),
    "prints otherwise": ("```python\nprint(1)\n```\n\nThis prints:\n\n```text\n2\n```", "-2\n+1"),
    "prints less": ("```python\nprint(1)\n```\n\nThis prints:\n\n```text\n1\n2\n```", "-2"),
    "is not like it": (
        "```python\nprint('1 call')\n```\n\nprints something like:\n\n```text\n1 ms\n```",
        "+0 call",
    ),
    "output that nobody compares": ("```python\nprint(1)\n```\n\nOutput\n\n```text\n2\n```", "say 'prints:'"),
    "does not raise": ("```python\n1\n```\n\nraises:\n\n```text\nValueError: 1\n```", "raises nothing"),
    "raises another": ("```python\n1 / 0\n```\n\nraises:\n\n```text\nValueError: 1\n```", "+ZeroDivision"),
    "syntax": ("```python\nprint(\n```", "SyntaxError"),
    "begins in a line": ("- ```python\n  1 / 0\n  ```", "on a line of its own"),
    "never closed": ("```python\nprint(1)\n", "never closed"),
    "unknown language": ("```pyhton\nprint(1)\n```", "no rule for blocks of 'pyhton'"),
    "a file without a name": ("```yaml\na: 1\n```", "is a file, so name it"),
    "unknown command": ("```console\n$ rm -rf x\n```", "no rule for the command `rm`"),
    "no command": ("```console\npython x.py\n```", "begins with '$ '"),
    "command fails": ("```console\n$ python -c 1/0\n```", "ended with 1"),
    "command does not fail": ("It fails:\n\n```console\n$ python -c 1\n```", "ended with 0"),
    "command prints otherwise": ("```console\n$ python -c 'print(1)'\n2\n```", "-2\n+1"),
    "output of a command that is not run": ("```console\n$ pip install x\ndone\n```", "cannot be shown"),
    "toml": ("```toml\nplugins = [retry]\n```", "TOMLDecodeError"),
    "file that is not there": ("```console\n$ python words.py\n```", "No such file"),
    "never awaited": ("```python\nasync def f(): ...\nf()\n```", "never awaited"),
}


def test_right_page_is_green(run_page, tmp_path) -> None:
    """All that the rules allow, on one page."""
    page = tmp_path / "right.md"
    page.write_text(RIGHT)
    done = run_page(page)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(("text", "told"), WRONG.values(), ids=WRONG)
def test_wrong_page_is_red(run_page, tmp_path, text, told) -> None:
    """A page that does not do what it says fails, and says how."""
    page = tmp_path / "wrong.md"
    page.write_text(text)
    done = run_page(page)
    assert done.returncode != 0
    assert told in done.stderr
