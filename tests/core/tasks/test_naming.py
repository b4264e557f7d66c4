"""Names: templates, what they refuse, and what values in them may not do."""

from __future__ import annotations

import functools
import string
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pegboard import InvalidName, InvalidTask, Secret, Session, current_call, task
from pegboard.tasks.naming import default_name, show
from pegboard.testing import Recorder
from pegboard.texts import JOINERS, one_line

HOSTILE = {
    "newline": "a\n[ERROR] forged",
    "carriage return": "a\rforged",
    "escape": "\x1b[31mred\x1b[0m",
    "NUL": "a\0b",
    "line separator": "a\u2028b\u2029c",
    "next line": "a\x85b",
    "right to left": "a\u202eb",
    "surrogate": "\ud800",
    "tab": "a\tb",
    "bell": "\a\b",
    "long": "x" * 300,
    "long and escaped": "\n" * 300,
    "path": "../../x",
    "braces": "{x.__class__}{0}",
    "html": "<script>alert(1)</script>",
}
SEPARATORS = ("Zl", "Zp", "Cc", "Cf", "Cs", "Co", "Cn")


def named(name: str):
    """Make a task whose value is its own name."""

    @task(name=name)
    def body(x: object = None, y: object = None, *rest: object, key: object = None, **more: object) -> str:
        return current_call().name

    return body


def name_of(name: str, *args: object, **kwargs: object) -> str:
    """Call a task of that name and return the rendered one."""
    with Session():
        return named(name)(*args, **kwargs)


# Templates -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("template", "args", "kwargs", "expected"),
    [
        ("plain", (1,), {}, "plain"),
        ("sq_{x}", (1,), {}, "sq_1"),
        ("sq_{x}", (), {"x": 1}, "sq_1"),
        ("{x}-{y}", (1, 2), {}, "1-2"),
        ("{x}{x}", ("a",), {}, "aa"),
        ("{y}", (), {}, "None"),
        ("{key}", (), {"key": "k"}, "k"),
        ("{rest}", (1, 2, 3, 4), {}, "(3, 4)"),
        ("{more}", (), {"other": 1}, "{'other': 1}"),
        ("it{map_index}", (), {}, "it"),
        ("{{x}}", (1,), {}, "{x}"),
        ("{{{x}}}", (1,), {}, "{1}"),
        ("a{{b", (), {}, "a{b"),
        ("{x}", ("{y}",), {}, "{y}"),
    ],
)
def test_placeholders_are_filled_in(template: str, args, kwargs, expected: str) -> None:
    """Parameters in any way they can be passed, defaults, and braces that are literal."""
    assert name_of(template, *args, **kwargs) == expected


def test_the_static_name_is_the_template() -> None:
    """`task.name` never changes, whatever the call."""
    made = named("sq_{x}")
    with Session():
        made(1)
        assert made.name == "sq_{x}"


def test_a_mapped_call_knows_its_index() -> None:
    """`{map_index}` is the position in the map."""
    with Session():
        assert named("it{map_index}").map([7, 8]) == ["it0", "it1"]
        assert named("sq_{x}").map([1, 2]) == ["sq_1", "sq_2"]


def test_what_a_mapped_call_calls_is_not_indexed() -> None:
    """The index is that of the mapped call only."""
    inner = named("inner{map_index}")

    @task(name="outer{map_index}")
    def outer(x: int) -> tuple[str, str]:
        return current_call().name, inner(x)

    with Session():
        assert outer.map([1, 2]) == [("outer0", "inner"), ("outer1", "inner")]


def test_a_method_may_name_its_object() -> None:
    """`{self}` is a parameter like any other."""

    class Shop:
        def __str__(self) -> str:
            return "shop"

        @task(name="{self}_{x}")
        def method(self, x: int) -> str:
            return current_call().name

    with Session():
        assert Shop().method(3) == "shop_3"


def test_wrong_arguments_show_the_template() -> None:
    """A call whose arguments do not fit has a name all the same: in the note on its error."""

    @task(name="sq_{x}")
    def square(x: int) -> int:
        return x * x

    with Session(), pytest.raises(TypeError) as caught:
        square(1, 2)
    assert "in task 'sq_{x}'" in caught.value.__notes__[0]


def test_a_sensitive_task_shows_the_template() -> None:
    """No value of a sensitive task gets into its name."""

    @task(name="login_{user}", sensitive=True)
    def login(user: str) -> str:
        return current_call().name

    with Session():
        assert login("canary") == "login_{user}"


def test_a_failing_str_shows_the_type() -> None:
    """A value that cannot be turned into text does not break the call."""

    class Broken:
        def __str__(self) -> str:
            raise ValueError("no text")

    assert name_of("a_{x}", Broken()) == "a_<Broken>"
    assert name_of("a_{x}", Secret("canary")) == "a_<Secret>"


# What is refused -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [
        "{}",
        "{0}",
        "{x.__class__.__init__.__globals__}",
        "{x.y}",
        "{x[0]}",
        "{x!r}",
        "{x!s}",
        "{x!}",
        "{x:>9}",
        "{x:>9999999999}",
        "{x:{y}}",
        "{x!r:>9}",
        "{unknown}",
        "{ x }",
        "{x",
        "x}",
        "{x}}",
        "{{x}",
        "{map_index.real}",
        "{X}",
        "",
        "  ",
        "\u200d \u200c",
        "a\nb",
        "a\x1b[0m",
        "a\u2028b",
        "\x00",
    ],
)
def test_a_template_holds_nothing_but_parameters(name: str) -> None:
    """Attributes, indexes, conversions, format specs, unknown names and odd braces are refused at decoration."""
    with pytest.raises(InvalidName) as caught:
        named(name)
    assert caught.value.name == name
    assert isinstance(caught.value, InvalidTask)
    assert isinstance(caught.value, TypeError)
    assert isinstance(caught.value, ValueError)


def test_the_refusal_lists_what_is_allowed() -> None:
    """The message shows the faulty placeholder and every one that there is."""
    with pytest.raises(InvalidName, match=r"holds \{z!r:>9\}") as caught:
        named("{z!r:>9}")
    assert "{x}, {y}, {rest}, {key}, {more}, {map_index}." in str(caught.value)


def test_with_options_refuses_the_same() -> None:
    """A name set later is checked in the same way."""
    with pytest.raises(InvalidName):
        named("fine").with_options(name="{z}")


def test_a_builtin_has_no_parameters_to_name() -> None:
    """A callable that does not tell its signature may still have a name, without placeholders of its own."""
    assert task(name="n")(max)(1, 2) == 2
    with pytest.raises(InvalidName):
        task(name="{a}")(max)


@pytest.mark.parametrize(
    "name", ["क्\u200dष", "👨\u200d👩\u200d👧", "e\u0301te\u0301", "{x}\u200c"], ids=ascii
)
def test_joiners_and_combining_marks_are_of_a_language(name: str) -> None:
    """They break no line and steer no terminal; in a value that a name is filled in with neither."""
    assert name_of(name, "क्\u200cष") == name.replace("{x}", "क्\u200cष")


@pytest.mark.parametrize("character", ["\u202e", "\u2066", "\u200f", "\ufeff", "\x1b", "\ud800"], ids=ascii)
def test_what_steers_a_screen_is_named_with_the_way_out(character: str) -> None:
    """Overrides of the direction, escapes and halves of pairs; the message shows which, escaped."""
    with pytest.raises(InvalidName, match="Leave it out") as caught:
        named(f"load{character}txt")
    assert f"holds {character!a}" in str(caught.value)
    assert str(caught.value).replace("\n", "").isprintable()


@given(st.text(alphabet="{}x.[]!:r0_ \n", max_size=12))
def test_every_name_is_refused_or_harmless(name: str) -> None:
    """What is accepted renders without looking into the value, whatever the braces."""

    class Watched:
        def __getattribute__(self, attribute: str) -> object:
            assert attribute in ("__class__", "__str__", "__dict__"), attribute
            return object.__getattribute__(self, attribute)

        def __str__(self) -> str:
            return "value"

        def __format__(self, spec: str) -> str:
            raise AssertionError(spec)

    try:
        made = named(name)
    except InvalidName:
        return
    with Session():
        assert "value" in made(Watched()) or "{x}" not in made.name.replace("{{", "").replace("}}", "")


@given(st.text(alphabet=string.ascii_letters + " ._-/:é", min_size=1, max_size=20).filter(str.strip))
def test_a_name_without_braces_is_itself(name: str) -> None:
    """Names are free text, as long as they can be printed in a line."""
    assert name_of(name) == name


# Values ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_value_cannot_break_a_line(value: str) -> None:
    """Control characters are escaped and long values cut."""
    shown = name_of("n_{x}", value)
    assert shown.isprintable()
    assert len(shown.splitlines()) == 1
    assert len(shown) <= len("n_") + 64


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("a\nb", "a\\nb"),
        ("a\tb\r", "a\\tb\\r"),
        ("\x1b[0m", "\\x1b[0m"),
        ("\0", "\\x00"),
        ("\u2028", "\\u2028"),
        ("\ud800", "\\ud800"),
        ("\U000e0001", "\\U000e0001"),
        ("Zürich 日本", "Zürich 日本"),
        ("x" * 64, "x" * 64),
        ("x" * 65, "x" * 63 + "…"),
    ],
    ids=ascii,
)
def test_how_a_value_is_shown(value: str, shown: str) -> None:
    """Escapes are those of Python, printable text of any script stays, and a cut is marked."""
    assert show(value) == shown


@given(st.text())
def test_every_text_becomes_one_printable_line(text: str) -> None:
    """No text whatever can break a line or steer a terminal."""
    shown = one_line(text)
    assert shown.isprintable()
    assert not any(unicodedata.category(c) in SEPARATORS for c in shown)
    assert len(shown.splitlines()) <= 1


@given(st.text(alphabet=st.characters(categories=("L", "N", "P", "S"))))
def test_printable_text_is_left_as_it_is(text: str) -> None:
    """Nothing is escaped without need."""
    assert one_line(text) == text


@given(st.one_of(st.text(), st.binary(), st.floats(), st.lists(st.text()), st.none()))
def test_every_value_can_be_shown(value: object) -> None:
    """Showing a value never fails, and is at most 64 characters long."""
    assert len(show(value)) <= 64
    assert one_line(show(value), JOINERS) == show(value)


def test_a_hostile_value_is_one_line_in_the_note() -> None:
    """The note on an error shows the rendered name, and stays one line."""

    @task(name="n_{x}")
    def failing(x: str) -> None:
        raise ValueError("no")

    with Session(), pytest.raises(ValueError, match="no") as caught:
        failing("a\n[ERROR] forged \x1b[0m")
    assert len(caught.value.__notes__[0].splitlines()) == 1


def test_events_tell_the_static_name() -> None:
    """What plugins count and store by is the static name."""
    recorder = Recorder()
    with Session(recorder):
        named("n_{x}").map(["a", "b"])
    assert {event.task for event in recorder.events} == {"n_{x}"}


# Default names ---------------------------------------------------------------------------------------------------


class Instance:
    def __init__(self) -> None:
        self.func = print  # an attribute of that name makes no partial

    def __call__(self) -> None: ...


@pytest.mark.parametrize(
    ("function", "name"),
    [
        (named, "named"),
        (Instance.__call__, "Instance.__call__"),
        (Instance(), "Instance"),
        (functools.partial(named, "x"), "named"),
        (functools.partial(functools.partial(named), "x"), "named"),
        (lambda: None, "<lambda>"),
        (len, "len"),
        ([].append, "list.append"),
    ],
    ids=["function", "method", "instance", "partial", "nested partial", "lambda", "builtin", "bound builtin"],
)
def test_default_names(function, name: str) -> None:
    """Every callable has a stable name, also one without `__name__`."""
    assert default_name(function) == name
