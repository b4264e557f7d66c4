"""JSON in a text: plain, fenced, or fenced with prose around; and texts that mean harm."""

from __future__ import annotations

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pegboard_validate import InvalidJSON, extract_json

ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
PROSE = st.text(st.characters(blacklist_characters="`", blacklist_categories=("Cs",)))


@given(ANY_JSON, PROSE, PROSE, st.sampled_from(["json", "JSON", ""]), st.sampled_from([None, 2]))
def test_round_trip(value, before, after, mark, indent):
    """Any JSON value is found in its own text, in a fenced block, and in prose around one block."""
    text = json.dumps(value, indent=indent)
    fenced = f"```{mark}\n{text}\n```"
    assert extract_json(text) == value
    assert extract_json(f" \n{text}\t\n") == value
    assert extract_json(fenced) == value
    assert extract_json(f"{before}\n{fenced}\n{after}") == value


@pytest.mark.parametrize(
    "text",
    [
        '```json {"a": 1} ```',
        '```json{"a": 1}```',
        '```{"a": 1}```',
        '```json\n{"a": 1}```',
        '```json {"a":\n1}\n```',
        '```json\n{"a": 1}',
        '````json\n{"a": 1}\n````',
        '  ```JSON  \r\n{"a": 1}\r\n  ```',
        '\ufeff{"a": 1}',
        'Python:\n```python\nprint({})\n```\nJSON:\n```json\n{"a": 1}\n```',
        '```python\nprint()\n```\n```\n{"a": 1}\n```',
        '```\nnot this\n```\n```json\n{"a": 1}\n```',
    ],
)
def test_fences_as_models_write_them(text):
    """Fences on the same line, unclosed, longer, indented, or beside blocks of other languages are understood."""
    assert extract_json(text) == {"a": 1}


@pytest.mark.parametrize("text", ['{"code": "```py\\nx\\n```"}', '["```"]', '"```json"'])
def test_fences_inside_strings(text):
    """A text that is JSON is read as it is, whatever its strings hold."""
    assert extract_json(text) == json.loads(text)
    assert extract_json(f"Look:\n```json\n{text}\n```") == json.loads(text)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("", "json_invalid"),
        ("no JSON at all", "json_invalid"),
        ('The answer is {"a": 1}.', "json_invalid"),
        ('{"a": 1} {"b": 2}', "json_invalid"),
        ("{'a': 1}", "json_invalid"),
        ("```", "json_invalid"),
        ("```json\n```", "json_invalid"),
        ("```python\n[1]\n```", "json_invalid"),
        ("[NaN]", "json_invalid"),
        ("[Infinity]", "json_invalid"),
        ("[" + "1" * 5000 + "]", "json_invalid"),
        ("```json\n1\n```\n```json\n2\n```", "json_several"),
        ("```\n1\n```\n```\n2\n```", "json_several"),
        ("[" * 101 + "]" * 101, "json_too_deep"),
        ("[" * 1_000_000, "json_too_deep"),
        ('[{"a":' * 500_000, "json_too_deep"),
        ("`" * 10_000_001, "json_too_large"),
    ],
)
def test_what_holds_no_json(text, kind):
    """Everything else is an error that says which kind and how long, and shows nothing of the text."""
    with pytest.raises(InvalidJSON) as raised:
        extract_json(text)
    assert (raised.value.kind, raised.value.length) == (kind, len(text))
    assert raised.value.__context__ is None


def test_depth_counts_no_brackets_in_strings():
    """A hundred levels are read, and brackets in strings are none."""
    assert extract_json("[" * 100 + "]" * 100)
    assert extract_json(json.dumps(["[{" * 500, '\\"[' * 500]))
    assert extract_json(json.dumps([[], {}] * 1000)) == [[], {}] * 1000


def test_limits_are_the_callers():
    """More depth or less size may be asked for; a limit that is none is refused."""
    assert extract_json("[" * 150 + "]" * 150, max_depth=150)
    with pytest.raises(InvalidJSON, match="at most 2 characters"):
        extract_json("[1]", max_size=2)
    with pytest.raises(ValueError, match="max_depth"):
        extract_json("[1]", max_depth=0)


def test_depth_beyond_the_interpreter():
    """Where so much is allowed that the interpreter's own limit comes first, that is an error like the others."""
    with pytest.raises(InvalidJSON):
        extract_json("[" * 100_000 + "]" * 100_000, max_depth=1_000_000)


@pytest.mark.parametrize(
    "text",
    [
        "```json\n" * 100_000,
        '\\"' * 500_000 + "[" * 200,
        '"' * 1_000_001 + "[" * 200,
        "```" * 300_000,
        "[" + '"\\' * 400_000,
    ],
)
def test_no_text_takes_long(text):
    """Texts that make backtracking patterns slow are judged in time that grows with their length."""
    started = time.perf_counter()
    with pytest.raises(InvalidJSON):
        extract_json(text)
    assert time.perf_counter() - started < 2


def test_only_text():
    """What is no str is a TypeError."""
    with pytest.raises(TypeError, match="not a bytes"):
        extract_json(b"{}")


def test_text_of_the_error_shows_none_of_it(canary, shown):
    """Neither message, facts nor causes hold the text."""
    for text in (canary, f'{{"{canary}": ', f"```json\n{canary}\n```"):
        with pytest.raises(InvalidJSON) as raised:
            extract_json(text)
        assert canary not in shown(raised.value)
