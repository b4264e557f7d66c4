"""Pages that list what the packages offer, held against the packages."""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import get_args

import attrs
import pytest

import pegboard
from pegboard import Option, PegboardError, Session, Suspended, errors, parts, task, testing
from pegboard._first_party import PROVIDED
from pegboard.calls.call import Call
from pegboard.records import TaskResult
from pegboard.running.group import Group
from pegboard.sessions.configuration import _KEYS, CONFIG_VARIABLE, DISABLE_VARIABLE, PLUGINS_VARIABLE
from pegboard.tasks.ways import WaysToCall
from pegboard.testing import fixtures


@pytest.fixture(scope="module")
def read(root):
    """Return the text of a page of the reference."""
    return lambda name: (root / "docs" / "reference" / name).read_text(encoding="utf-8")


def part(page: str, title: str) -> str:
    """Return the text under a heading, whatever its level."""
    _, found, rest = page.partition(f"# {title}\n")
    assert found, f"there is no heading {title!r}"
    return re.split(r"\n##+ ", rest)[0]


def test_every_public_name_is_listed_and_no_other(read) -> None:
    """Names with a heading, in the table of plugins or in the list of errors are those of `pegboard`, no more and no fewer."""
    page = read("tasks-and-sessions.md")
    headings = re.findall(r"^### (.+)$", page, re.MULTILINE)
    provided = re.findall(r"^\| `(\w+)` \|", part(page, "Plugins and their options"), re.MULTILINE)
    listed = [*headings, *provided, *re.findall(r"`(\w+)`", part(page, "Errors"))]
    assert sorted(listed) == sorted([*pegboard.__all__, *PROVIDED])


def test_every_provided_name_stands_beside_its_extra(read) -> None:
    """The extra beside a name is the one that brings it."""
    table = part(read("tasks-and-sessions.md"), "Plugins and their options")
    assert dict(re.findall(r"^\| `(\w+)` \| \[?(\w+)", table, re.MULTILINE)) == PROVIDED


@pytest.mark.parametrize(
    ("title", "known"),
    [
        ("Task", dir(task(len))),
        ("Call", dir(Call)),
        ("Session", dir(Session())),
        ("TaskResult", [*dir(TaskResult), "arun", "run"]),
        ("Group", dir(Group(Session(), "map", "name"))),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_attributes_that_are_listed_exist(read, title: str, known: list[str]) -> None:
    """What begins a row of the first table under a heading, or stands in its sentence, is an attribute of what it names."""
    first, *rows = part(read("tasks-and-sessions.md"), title).partition("|---|---|\n")[::2]
    cells = re.findall(r"^\| (`.+?) \|", "".join(rows).partition("\n\n")[0], re.MULTILINE)
    listed = {name for text in cells or [first] for name in re.findall(r"`(\w+)[`(]", text)}
    assert listed
    assert sorted(listed - set(known)) == []


def test_every_attribute_of_an_option_is_listed_with_its_default(read) -> None:
    """What an author of options may set or override, no more and no less."""
    rows = re.findall(
        r"^\| `(\w+)(?:\(.*?\))?` \| (.+?) \|", part(read("tasks-and-sessions.md"), "Option"), re.MULTILINE
    )
    defaults = {name: text.strip("`") for name, text in rows}
    public = {name: value for name, value in vars(Option).items() if not name.startswith("_")}
    assert sorted(defaults) == sorted(public)
    written = {name: value for name, value in public.items() if isinstance(value, str | bool)}
    assert {name: defaults[name].replace('"', "'") for name in written} == {
        n: repr(v) for n, v in written.items()
    }


def test_every_way_to_call_a_task_is_listed(read) -> None:
    """The table of calls has the task itself, and each of its public ways."""
    listed = re.findall(
        r"^\| `(?:await )?task\.(\w+)\(", part(read("tasks-and-sessions.md"), "Task"), re.MULTILINE
    )
    ways = [name for name in vars(WaysToCall) if not name.startswith("_")]
    assert sorted(listed) == sorted(set(ways) - {"applied_to"})  # which is no way to call one


def test_the_tree_of_errors_is_that_of_the_code(read) -> None:
    """Every error, in order and depth, with the built-in classes that it is too."""
    assert part(read("errors.md"), "The tree").partition("```text\n")[2].partition("\n```")[0] == tree()


def tree() -> str:
    """Draw the errors of `pegboard.errors`."""
    return "\n".join([shown(PegboardError), *branches(PegboardError)])


def branches(cls: type) -> list[str]:
    """Draw what is below a class."""
    children = [each for each in vars(errors).values() if isinstance(each, type) and cls in each.__bases__]
    lines: list[str] = []
    for child in children:
        last = child is children[-1]
        lines.append(f"{'└' if last else '├'}── {shown(child)}")
        lines += [f"{' ' if last else '│'}   {line}" for line in branches(child)]
    return lines


def shown(cls: type) -> str:
    """Name an error, and the built-in classes beside the base that is Pegboard's own."""
    builtin = [
        base.__name__ for base in cls.__bases__ if base.__module__ == "builtins" and base is not Exception
    ]
    return f"{cls.__name__} ({', '.join(builtin)})" if builtin else cls.__name__


def test_every_error_is_explained_with_its_attributes(read) -> None:
    """A row for each class, and in it the attributes that it declares and inherits."""
    rows = re.findall(r"^\| `(\w+)` \| .+? \| ?(.*) \|$", read("errors.md"), re.MULTILINE)
    listed = {name: sorted(re.findall(r"`(\w+)`", attributes)) for name, attributes in rows}
    classes = [
        each for each in vars(errors).values() if isinstance(each, type) and issubclass(each, PegboardError)
    ]
    assert listed == {cls.__name__: sorted(own_attributes(cls)) for cls in classes}
    assert Suspended.__name__ in read("errors.md")


def own_attributes(cls: type) -> set[str]:
    """Return the facts that an error of this class carries; of the base, whether it can be retried."""
    if cls is PegboardError:
        return {"retryable", "parked"}
    annotated = {name for base in cls.__mro__ for name in vars(base).get("__annotations__", {})}
    return annotated - {"retryable", "parked", "label"}


def test_retryable_errors_are_named(read) -> None:
    """The sentence on `retryable` names exactly the errors for which it is True."""
    sentence = read("errors.md").partition("It is True for ")[2].partition(".")[0]
    classes = [
        each for each in vars(errors).values() if isinstance(each, type) and issubclass(each, PegboardError)
    ]
    assert re.findall(r"`(\w+)`", sentence) == [cls.__name__ for cls in classes if cls.retryable]


def test_every_setting_is_listed(read) -> None:
    """The tables of keys and variables are those that are read."""
    page = read("configuration.md")
    assert re.findall(r"^\| `(\w+)` \|", part(page, "Files"), re.MULTILINE) == list(_KEYS)
    variables = re.findall(r"^\| `(\w+)` \|", part(page, "Environment variables"), re.MULTILINE)
    assert variables == [PLUGINS_VARIABLE, DISABLE_VARIABLE, CONFIG_VARIABLE]


def test_every_part_of_the_testing_kit_has_a_heading(read) -> None:
    """The names of `pegboard.testing`, and its fixtures."""
    page = read("testing.md")
    headings = set(re.findall(r"^## (\w+)$", page, re.MULTILINE))
    assert headings == set(testing.__all__)
    listed = re.findall(r"^\| `(\w+)` \|", part(page, "Fixtures for pytest"), re.MULTILINE)
    assert sorted(listed) == sorted(name for name in vars(fixtures) if name.startswith("pegboard_"))


def test_every_part_to_build_with_has_a_heading(read) -> None:
    """The names of `pegboard.parts`."""
    headings = re.findall(r"^## (\w+)$", read("parts.md"), re.MULTILINE)
    assert sorted(headings) == sorted(parts.__all__)


@pytest.mark.parametrize("part_class", [parts.Background, parts.Periodic], ids=lambda each: each.__name__)
def test_everything_that_a_part_does_is_listed(read, part_class) -> None:
    """Its methods, its properties and its settings; and the reasons of losses."""
    text = part(read("parts.md"), part_class.__name__)
    names = [name for name in vars(part_class) if not name.startswith("_")]
    settings = list(inspect.signature(part_class).parameters)
    assert [name for name in names + settings if f"`{name}`" not in text and f"`{name}(" not in text] == []


def test_every_reason_of_a_loss_is_listed(read) -> None:
    """The table has those of the code, in their order."""
    rows = re.findall(r"^\| `(\w+)` \|", part(read("parts.md"), "Reason"), re.MULTILINE)
    assert rows == list(get_args(parts.Reason))


def test_every_term_is_a_sentence_and_in_order(root: Path) -> None:
    """The glossary is sorted, and each entry says something."""
    page = (root / "docs/explanation/glossary.md").read_text(encoding="utf-8")
    terms = re.findall(r"^\*\*(.+?)\*\*: [^*]+\.$", page, re.MULTILINE)
    assert terms == sorted(set(terms))
    assert len(terms) == page.count("\n**")


def test_outcome_fields_are_listed(read) -> None:
    """Every field of an outcome and of a result stands in its paragraph."""
    page = read("tasks-and-sessions.md")
    for name in pegboard.Outcome._fields:
        assert f"`{name}`" in part(page, "Outcome")
    for field in attrs.fields(TaskResult):
        assert f"`{field.name}`" in part(page, "TaskResult")
