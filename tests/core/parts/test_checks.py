"""Checks of what a user wrote."""

import math
import pickle

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pegboard import ConfigError, Option, Secret
from pegboard.parts import checks

NO_NUMBERS = [None, True, "3", [3], 3j]
FORMS = {
    "whole": checks.whole(least=1),
    "number": checks.number(),
    "seconds": checks.seconds(),
    "probability": checks.probability(),
    "one_of": checks.one_of("raise", "collect"),
    "flag": checks.flag(),
    "exceptions": checks.exceptions(never="retried"),
    "callable": checks.callable_(),
}


@attrs.frozen
class Wait(Option):
    """An option with a checked field, one of them private."""

    plugin_name = "wait"
    times: int = attrs.field(default=1, validator=checks.whole(least=1))
    _pause: float | None = attrs.field(
        default=None, validator=checks.seconds(above=0).or_none("no pause"), kw_only=True
    )


@pytest.mark.parametrize("name", FORMS)
def test_a_refusal_names_owner_argument_value_and_what_is_allowed(name: str) -> None:
    """Whoever reads the error knows which line to change, and to what."""
    with pytest.raises((TypeError, ValueError)) as caught:
        FORMS[name].check("most", 0.0j, owner="Pool")
    text = str(caught.value)
    assert text.startswith("Pool: most is ")
    assert FORMS[name].allowed in text
    assert text.endswith("not 0j.")


def test_without_an_owner_the_argument_stands_alone() -> None:
    """An argument that belongs to nothing with a name is called by its own."""
    with pytest.raises(ValueError, match=r"^most is a whole number of at least 1, not 0\.$"):
        checks.whole(least=1).check("most", 0)


def test_a_check_is_a_validator_of_attrs() -> None:
    """A field is refused as an argument of its class."""
    assert Wait(2, pause=0.5) == Wait(2, pause=0.5)
    with pytest.raises(ValueError, match=r"^Wait: times is a whole number of at least 1, not 0\.$"):
        Wait(0)


def test_a_private_field_goes_by_the_name_of_its_argument() -> None:
    """The error has the name that the user wrote."""
    with pytest.raises(TypeError, match=r"^Wait: pause .*, or None for no pause, not 'long'\.$"):
        Wait(pause="long")  # type: ignore[arg-type]


def test_none_is_refused_unless_it_means_something() -> None:
    """`or_none` takes it and leaves the check that it came from as it was."""
    check = checks.whole(least=1)
    assert check.or_none("any").check("most", None) is None
    with pytest.raises(TypeError):
        check.check("most", None)


@pytest.mark.parametrize("value", NO_NUMBERS, ids=repr)
@pytest.mark.parametrize("check", [checks.whole(), checks.number(), checks.seconds(), checks.probability()])
def test_what_is_no_number_is_a_type_error(check: checks.Check[float], value: object) -> None:
    """A bool is no number either."""
    with pytest.raises(TypeError):
        check.check("most", value)


def test_a_whole_number_is_no_float() -> None:
    """Not even one without a fraction."""
    with pytest.raises(TypeError):
        checks.whole().check("most", 2.0)


@given(st.integers(), st.integers(), st.integers())
def test_whole_numbers_within_the_bounds_are_returned(value: int, one: int, other: int) -> None:
    """Both bounds are allowed themselves; all others are a ValueError."""
    least, most = sorted((one, other))
    check = checks.whole(least=least, most=most)
    if least <= value <= most:
        assert check.check("most", value) is value
    else:
        with pytest.raises(ValueError, match=f"from {least} to {most}, not {value}"):
            check.check("most", value)


@given(st.floats(), st.floats(allow_nan=False), st.floats(allow_nan=False))
def test_numbers_are_finite_and_strictly_within_open_bounds(value: float, one: float, other: float) -> None:
    """Infinity and what is no number never are, whatever the bounds."""
    low, high = sorted((one, other))
    check = checks.number(above=low, below=high)
    if math.isfinite(value) and low < value < high:
        assert check.check("share", value) is value
    else:
        with pytest.raises(ValueError, match="share is a finite number"):
            check.check("share", value)


@pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan], ids=str)
@pytest.mark.parametrize("check", [checks.number(), checks.number(least=0), checks.seconds()])
def test_no_number_is_infinite(check: checks.Check[float], value: float) -> None:
    """Without a word, infinity is as wrong as what is no number."""
    with pytest.raises(ValueError, match="finite"):
        check.check("most", value)


def test_seconds_may_be_infinite_where_asked() -> None:
    """Only upwards, and what is no number stays refused."""
    check = checks.seconds(above=0, infinite=True)
    assert check.check("timeout", math.inf) == math.inf
    for wrong in (0, -math.inf, math.nan):
        with pytest.raises(ValueError, match=r"^timeout is a number of seconds above 0, not"):
            check.check("timeout", wrong)


@pytest.mark.parametrize(
    ("value", "fits"), [(0, True), (1.0, True), (0.5, True), (-0.1, False), (1.1, False)]
)
def test_a_probability_is_from_0_to_1(value: float, fits: bool) -> None:
    """Both ends are."""
    if fits:
        assert checks.probability().check("share", value) == value
    else:
        with pytest.raises(ValueError, match="share is a number from 0 to 1"):
            checks.probability().check("share", value)


def test_one_of_names_all_words() -> None:
    """A misspelt word is answered with those that exist."""
    check = checks.one_of("raise", "collect", "aggregate")
    assert check.check("on_error", "collect") == "collect"
    with pytest.raises(ValueError, match=r"^on_error is 'raise', 'collect' or 'aggregate', not 'rise'\.$"):
        check.check("on_error", "rise")


def test_one_of_compares_with_values_of_the_same_type_only() -> None:
    """Objects whose comparison fails, or that equal anything, are none of the words."""

    class Odd:
        def __eq__(self, other: object) -> bool:
            raise RuntimeError("compared")

        __hash__ = None  # type: ignore[assignment]

    with pytest.raises(ValueError, match="Odd"):
        checks.one_of("raise").check("on_error", Odd())


def test_a_flag_is_no_number() -> None:
    """1 counts as true and is no flag."""
    assert checks.flag().check("live", value=False) is False
    with pytest.raises(TypeError, match="live is True or False, not 1"):
        checks.flag().check("live", 1)


@pytest.mark.parametrize("given", [ValueError, (ValueError, KeyError), ()], ids=repr)
def test_exceptions_are_a_class_or_several(given: object) -> None:
    """A tuple may be empty."""
    assert checks.exceptions(never="retried").check("on", given) is given


@pytest.mark.parametrize("given", [3, "ValueError", int, (ValueError, 3), ValueError("one"), len], ids=repr)
def test_what_is_no_class_of_exceptions_is_a_type_error(given: object) -> None:
    """Nor is an exception itself, or a function where none is asked for."""
    with pytest.raises(TypeError, match="an exception class or a tuple of them"):
        checks.exceptions(never="retried").check("on", given)


@pytest.mark.parametrize("given", [KeyboardInterrupt, (ValueError, SystemExit), BaseException], ids=repr)
def test_exits_are_a_value_error_that_says_what_never_happens(given: object) -> None:
    """They end a program or a task, and nothing of a plugin may keep them from it."""
    with pytest.raises(ValueError, match=r"^Retry: on holds \w+, which ends .* is never retried\.$"):
        checks.exceptions(never="retried").check("on", given, owner="Retry")


def test_a_function_of_the_error_may_stand_for_classes() -> None:
    """Where it is asked for; a class that is no exception is not taken for one."""
    check = checks.exceptions(never="retried", functions=True)
    assert check.check("on", callable) is callable
    with pytest.raises(TypeError, match="or a function of the error"):
        check.check("on", int)


def test_a_callable_is_told_in_the_words_of_the_argument() -> None:
    """The message says what it would be called with."""
    with pytest.raises(TypeError, match=r"^Cache: key is a function of the inputs, not 'url'\.$"):
        checks.callable_("a function of the inputs").check("key", "url", owner="Cache")


def test_a_hint_is_a_line_of_its_own() -> None:
    """The way out comes after what is wrong."""
    check = checks.seconds(above=0, hint="Leave it off for no limit.")
    with pytest.raises(ValueError, match=r"not 0\.\nLeave it off for no limit\.$"):
        check.check("timeout", 0)


def test_a_place_may_raise_errors_of_its_own() -> None:
    """A ConfigError knows where it was and which key it is about."""
    check = checks.seconds(value_error=ConfigError)
    with pytest.raises(ConfigError) as caught:
        check.check("flush_timeout", -1, owner="OTLP")
    assert (caught.value.where, caught.value.key) == ("OTLP", "flush_timeout")
    with pytest.raises(TypeError):
        check.check("flush_timeout", "soon", owner="OTLP")


def test_a_private_value_is_not_in_the_message() -> None:
    """Its type is."""
    with pytest.raises(ValueError, match="done") as caught:
        checks.number(least=0, private=True).check("done", -4711)
    assert "4711" not in str(caught.value)
    assert "not the int that was given" in str(caught.value)


class _Broken:
    def __repr__(self) -> str:
        raise RuntimeError("no repr")


@pytest.mark.parametrize(
    "value",
    ["x" * 10_000, "\x1b[2J\ud800\n", _Broken(), Secret("hunter2")],
    ids=["long", "hostile", "broken", "secret"],
)
def test_any_wrong_value_gives_a_short_printable_message(value: object) -> None:
    """Nothing that was given by mistake floods, steers or breaks what shows the error."""
    with pytest.raises(TypeError) as caught:
        checks.whole().check("most", value)
    assert len(str(caught.value)) < 200
    assert str(caught.value).isprintable()
    assert "hunter2" not in str(caught.value)


def test_a_refused_option_pickles_its_error() -> None:
    """An error of a place's own comes home from a worker with its facts."""
    with pytest.raises(ConfigError) as caught:
        checks.whole(least=1, value_error=ConfigError).check("port", 0, owner="Prometheus")
    again = pickle.loads(pickle.dumps(caught.value))
    assert (str(again), again.key) == (str(caught.value), "port")
